package s3store

import (
	"context"
	"crypto/rand"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/s3mpfs/s3mpfs/writer"
)

// isDirectory tells a directory bucket (S3 Express One Zone) by its name.
func (s *Store) isDirectory() bool { return strings.HasSuffix(s.cfg.Bucket, "--x-s3") }

// RenameObject gives an object another key in one step, with all that S3 keeps
// with it. Only directory buckets can; for others it is writer.ErrUnsupported
// without a request. The client token makes an attempt whose answer was lost
// and the one after it the same rename.
func (s *Store) RenameObject(ctx context.Context, src writer.Object, key string, cond writer.Condition) error {
	if !s.isDirectory() {
		return writer.ErrUnsupported
	}
	op := &operation{name: "RenameObject", words: "rename object", key: key, settle: true}
	in := &s3.RenameObjectInput{
		Bucket: &s.cfg.Bucket, Key: &key, RenameSource: aws.String(escaped(src.Key)),
		SourceIfMatch: optional(src.ETag), DestinationIfMatch: optional(cond.IfMatch),
		ClientToken: aws.String(rand.Text()),
	}
	if cond.IfNoneMatch {
		in.DestinationIfNoneMatch = aws.String("*")
	}
	_, err := run(ctx, s, op, func(ctx context.Context, c *s3.Client) (*s3.RenameObjectOutput, error) {
		return c.RenameObject(ctx, in)
	})
	return err
}
