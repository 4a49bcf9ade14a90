package s3store

import (
	"cmp"
	"context"
	"errors"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/s3mpfs/s3mpfs/writer"
)

// findRegion asks Amazon where the bucket is. The answer to a HEAD names the
// region even where it is a refusal.
func (s *Store) findRegion(ctx context.Context) error {
	var region string
	op := &operation{name: "HeadBucket", words: "find the bucket's region", mount: true}
	_, err := run(ctx, s, op, func(ctx context.Context, c *s3.Client) (*s3.HeadBucketOutput, error) {
		out, err := c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.cfg.Bucket, ExpectedBucketOwner: s.owner()})
		if err == nil && out.BucketRegion != nil {
			region = *out.BucketRegion
		}
		return out, err
	})
	region = cmp.Or(region, regionIn(err))
	if region == "" {
		return err
	}
	s.adopt(region)
	return nil
}

// adopt goes on in another region.
func (s *Store) adopt(region string) {
	options := s.client.Load().Options()
	options.Region = region
	s.client.Store(s3.New(options))
}

// expecting finds the region in S3's message about a wrong one.
var expecting = regexp.MustCompile(`expecting '([a-z0-9-]+)'`)

// regionIn gives the region that a refusal names, "" if it names none.
func regionIn(err error) string {
	var e *writer.StoreError
	if !errors.As(err, &e) {
		return ""
	}
	var c *cause
	if errors.As(e.Err, &c) && c.region != "" {
		return c.region
	}
	if m := expecting.FindStringSubmatch(e.Error()); m != nil {
		return m[1]
	}
	return ""
}
