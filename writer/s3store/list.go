package s3store

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/s3mpfs/s3mpfs/writer"
)

// pageSize is S3's limit for a page of any listing.
const pageSize = 1000

// List gives up to limit objects and common prefixes under prefix, in the
// order of their keys. delimiter is "/" for one directory or "" for everything
// below. token is "" for the first page and then the next of the page before;
// next is "" at the end.
func (s *Store) List(ctx context.Context, prefix, delimiter, token string, limit int32) (objects []writer.Object, prefixes []string, next string, err error) {
	return s.list(ctx, &operation{name: "ListObjectsV2", words: "list objects", key: prefix}, delimiter, token, limit)
}

func (s *Store) list(ctx context.Context, op *operation, delimiter, token string, limit int32) (objects []writer.Object, prefixes []string, next string, err error) {
	out, err := run(ctx, s, op, func(ctx context.Context, c *s3.Client) (*s3.ListObjectsV2Output, error) {
		return listing(c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{
			Bucket: &s.cfg.Bucket, Prefix: optional(op.key), Delimiter: optional(delimiter),
			ContinuationToken: optional(token), MaxKeys: aws.Int32(min(limit, pageSize)),
			EncodingType: types.EncodingTypeUrl, // XML cannot hold every key
			RequestPayer: s.payer(), ExpectedBucketOwner: s.owner(),
		}))
	})
	if err != nil {
		return nil, nil, "", err
	}
	decode := keyDecoder(out.EncodingType)
	objects = make([]writer.Object, 0, len(out.Contents))
	s.learnFrom(out.Contents)
	for _, o := range out.Contents {
		objects = append(objects, writer.Object{
			Key: decode(o.Key), ETag: aws.ToString(o.ETag), Size: aws.ToInt64(o.Size),
			LastModified: aws.ToTime(o.LastModified), StorageClass: string(o.StorageClass),
			Plain: s.plain(slices.Contains(o.ChecksumAlgorithm, algorithms[markAlgorithm]), decode(o.Key), aws.ToString(o.ETag)),
		})
	}
	for _, p := range out.CommonPrefixes {
		prefixes = append(prefixes, decode(p.Prefix))
	}
	if aws.ToBool(out.IsTruncated) {
		next = aws.ToString(out.NextContinuationToken)
	}
	if !belongs(op.key, objects, prefixes) || next != "" && next == token {
		return nil, nil, "", op.fails(writer.ErrInvalid, errOtherListing)
	}
	return objects, prefixes, next, nil
}

// errOtherListing says that a listing has what cannot be in it: keys of another
// prefix, sizes below zero, a page that is followed by itself.
var errOtherListing = errors.New("the answer is not the listing that was asked for")

// belongs tells whether everything listed lies under prefix.
func belongs(prefix string, objects []writer.Object, prefixes []string) bool {
	for _, o := range objects {
		if !strings.HasPrefix(o.Key, prefix) || o.Size < 0 {
			return false
		}
	}
	for _, p := range prefixes {
		if !strings.HasPrefix(p, prefix) || p == prefix {
			return false
		}
	}
	return true
}

// errNoListing says that the answer is another document, such as the page of a
// proxy, which the SDK takes for an empty listing.
var errNoListing = errors.New("the answer is no listing of a bucket")

func listing(out *s3.ListObjectsV2Output, err error) (*s3.ListObjectsV2Output, error) {
	if err == nil && out.Name == nil && out.IsTruncated == nil && out.MaxKeys == nil && out.KeyCount == nil {
		return nil, errNoListing
	}
	return out, err
}

// keyDecoder reads keys as the store says it has written them. A key that
// cannot be decoded is taken as it is.
func keyDecoder(encoding types.EncodingType) func(*string) string {
	if encoding != types.EncodingTypeUrl {
		return aws.ToString
	}
	return func(text *string) string {
		key, err := url.QueryUnescape(aws.ToString(text))
		if err != nil {
			return aws.ToString(text)
		}
		return key
	}
}
