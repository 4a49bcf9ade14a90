package s3store

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/s3mpfs/s3mpfs/writer"
)

// headers are what a request that makes an object says of it beside its
// content type and user metadata. Where both the mount and the object have a
// value, the mount's decides about what costs and protects, the object's about
// what describes its content.
type headers struct {
	cacheControl, disposition, encoding, language, redirect *string
	expires                                                 *time.Time
	class                                                   types.StorageClass
	encryption                                              types.ServerSideEncryption
	keyID                                                   *string
	bucketKey                                               *bool
}

func (s *Store) headers(a writer.Attributes) headers {
	h := headers{
		cacheControl: optional(cmp.Or(a.CacheControl, s.cfg.CacheControl)),
		disposition:  optional(a.ContentDisposition), encoding: optional(a.ContentEncoding),
		language: optional(a.ContentLanguage), redirect: optional(a.WebsiteRedirect),
		class: types.StorageClass(cmp.Or(s.cfg.StorageClass, a.StorageClass)),
	}
	if !a.Expires.IsZero() {
		h.expires = aws.Time(a.Expires)
	}
	e := a.Encryption
	if s.cfg.SSE != "" {
		e = writer.Encryption{Algorithm: s.cfg.SSE, KeyID: s.cfg.SSEKMSKeyID}
	}
	h.encryption, h.keyID = types.ServerSideEncryption(e.Algorithm), optional(e.KeyID)
	if e.BucketKey {
		h.bucketKey = aws.Bool(true)
	}
	return h
}

// attributesOf are an object's attributes as a HEAD tells them. What every
// object of a store has by itself is left out: the class STANDARD, that of a
// directory bucket, and encryption with S3's own keys.
func attributesOf(out *s3.HeadObjectOutput) (a writer.Attributes, token string) {
	metadata := make(map[string]string, len(out.Metadata))
	for k, v := range out.Metadata {
		metadata[strings.ToLower(k)] = v
	}
	token = metadata[tokenKey]
	delete(metadata, tokenKey)
	a = writer.Attributes{
		ContentType: aws.ToString(out.ContentType), Metadata: metadata,
		CacheControl: aws.ToString(out.CacheControl), ContentDisposition: aws.ToString(out.ContentDisposition),
		ContentEncoding: aws.ToString(out.ContentEncoding), ContentLanguage: aws.ToString(out.ContentLanguage),
		WebsiteRedirect: aws.ToString(out.WebsiteRedirectLocation),
	}
	if t, err := http.ParseTime(aws.ToString(out.ExpiresString)); err == nil {
		a.Expires = t.UTC()
	}
	if c := out.StorageClass; c != types.StorageClassStandard && c != types.StorageClassExpressOnezone {
		a.StorageClass = string(c)
	}
	if e := out.ServerSideEncryption; e == types.ServerSideEncryptionAwsKms || e == types.ServerSideEncryptionAwsKmsDsse {
		a.Encryption = writer.Encryption{Algorithm: string(e), KeyID: aws.ToString(out.SSEKMSKeyId), BucketKey: aws.ToBool(out.BucketKeyEnabled)}
	}
	return a, token
}

// Tags gives the tags of an object.
func (s *Store) Tags(ctx context.Context, key string) (map[string]string, error) {
	op := &operation{name: "GetObjectTagging", words: "get object tagging", key: key}
	out, err := run(ctx, s, op, func(ctx context.Context, c *s3.Client) (*s3.GetObjectTaggingOutput, error) {
		return c.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{
			Bucket: &s.cfg.Bucket, Key: &key, RequestPayer: s.payer(), ExpectedBucketOwner: s.owner(),
		})
	})
	if err != nil {
		return nil, err
	}
	tags := make(map[string]string, len(out.TagSet))
	for _, t := range out.TagSet {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags, nil
}

// tagging is tags as S3 takes them in a header: the mount's, else the object's
// own.
func (s *Store) tagging(own map[string]string) *string {
	tags := s.cfg.Tagging
	if len(tags) == 0 {
		tags = own
	}
	values := url.Values{}
	for k, v := range tags {
		values.Set(k, v)
	}
	return optional(values.Encode())
}
