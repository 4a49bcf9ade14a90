package s3store

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/s3mpfs/s3mpfs/writer"
)

// AbortsUploadsAfter tells after how long rules of the bucket's life cycle
// abort incomplete uploads of all keys under prefix; 0 if no rule does. A store
// that has no such rules answers with an error of class ErrUnsupported.
func (s *Store) AbortsUploadsAfter(ctx context.Context, prefix string) (time.Duration, error) {
	op := &operation{name: "GetBucketLifecycleConfiguration", words: "get the bucket's lifecycle rules", mount: true}
	out, err := run(ctx, s, op, func(ctx context.Context, c *s3.Client) (*s3.GetBucketLifecycleConfigurationOutput, error) {
		return c.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{
			Bucket: &s.cfg.Bucket, ExpectedBucketOwner: s.owner(),
		})
	})
	var e *writer.StoreError
	switch {
	case errors.As(err, &e) && e.Code == "NoSuchLifecycleConfiguration":
		return 0, nil
	case err != nil:
		return 0, err
	}
	var first time.Duration
	for _, rule := range out.Rules {
		after := abortsAfter(rule)
		if after > 0 && strings.HasPrefix(prefix, prefixOf(rule)) && (first == 0 || after < first) {
			first = after
		}
	}
	return first, nil
}

// abortsAfter is 0 for a rule that aborts no uploads.
func abortsAfter(rule types.LifecycleRule) time.Duration {
	if rule.Status != types.ExpirationStatusEnabled || rule.AbortIncompleteMultipartUpload == nil {
		return 0
	}
	return time.Duration(aws.ToInt32(rule.AbortIncompleteMultipartUpload.DaysAfterInitiation)) * 24 * time.Hour
}

// prefixOf is the prefix of the keys that a rule is for. A rule that aborts
// uploads cannot be narrowed by anything else.
func prefixOf(rule types.LifecycleRule) string {
	switch {
	case rule.Filter == nil:
		//lint:ignore SA1019 rules that were written before 2016 still have it
		return aws.ToString(rule.Prefix)
	case rule.Filter.And != nil:
		return aws.ToString(rule.Filter.And.Prefix)
	}
	return aws.ToString(rule.Filter.Prefix)
}
