package s3store

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/s3mpfs/s3mpfs/writer"
)

// errEmptyAnswer says that the store answered 200 and left out what the answer
// is for; something between has eaten it.
var errEmptyAnswer = errors.New("the store's answer lacks the ETag")

// PutObject implements writer.Store.
func (s *Store) PutObject(ctx context.Context, key string, attrs writer.Attributes, body writer.Body, cond writer.Condition) (writer.Object, error) {
	token := newToken(cond)
	if token == "" && s.versity.inherits(key) {
		token = rand.Text()
	}
	body, err := s.mark(attrs, body)
	if err != nil {
		return writer.Object{}, err
	}
	id := identity{size: body.Size, token: token, checksum: body.Checksum, metadata: attrs.Metadata}
	want := checksumFeature(body.Checksum) | conditions(cond, putIfMatch, putIfNoneMatch)
	return degrade(s, want, func(have feature) (writer.Object, error) {
		op := &operation{name: "PutObject", words: "put object", key: key, body: &body, settle: true}
		in := s.putInput(key, attrs, token)
		in.Body, in.ContentLength = body.NewReader(), aws.Int64(body.Size)
		if have&checksums != 0 {
			setChecksum(body.Checksum, putChecksum(in))
			if s.marks(attrs) { // moto does not see it otherwise
				in.ChecksumAlgorithm = algorithms[body.Checksum.Algorithm]
			}
		}
		if err := s.guard(ctx, op, cond, have&(ifMatch|ifNoneMatch) != 0, &in.IfMatch, &in.IfNoneMatch); err != nil {
			return writer.Object{}, err
		}
		obj, err := run(ctx, s, op, func(ctx context.Context, c *s3.Client) (writer.Object, error) {
			out, err := c.PutObject(ctx, in)
			switch {
			case err != nil:
				return writer.Object{}, err
			case aws.ToString(out.ETag) == "":
				return writer.Object{}, errEmptyAnswer
			}
			return writer.Object{
				ETag: aws.ToString(out.ETag), VersionID: aws.ToString(out.VersionId), LastModified: dateOf(ctx),
			}, nil
		})
		if err != nil {
			return s.settle(ctx, op, id, missing(err, cond))
		}
		return s.made(obj, key, body.Size, sentChecksum(body.Checksum, have), attrs), nil
	})
}

// made completes the description of an object that a request has made.
func (s *Store) made(obj writer.Object, key string, size int64, sum writer.Checksum, attrs writer.Attributes) writer.Object {
	obj.Key, obj.Size, obj.Checksum = key, size, sum
	obj.StorageClass = cmp.Or(s.cfg.StorageClass, attrs.StorageClass)
	obj.Attributes, obj.TagCount = attrs, max(len(s.cfg.Tagging), len(attrs.Tags))
	obj.Attributes.Metadata, obj.Attributes.Tags = s.withToken(attrs, ""), nil
	obj.Plain = s.plain(s.marks(attrs), key, obj.ETag)
	return obj
}

// guard puts a condition into a request, or where the store does not know
// conditions, compares the object first.
func (s *Store) guard(ctx context.Context, op *operation, cond writer.Condition, known bool, match, noneMatch **string) error {
	switch {
	case cond == writer.Condition{}:
		return nil
	case !known:
		return s.compare(ctx, op, cond)
	case cond.IfMatch != "":
		*match = aws.String(cond.IfMatch)
	}
	if cond.IfNoneMatch {
		*noneMatch = aws.String("*")
	}
	return nil
}

// missing makes a false condition of an If-Match on an object that is gone,
// to which S3 answers 404.
func missing(err error, cond writer.Condition) error {
	var e *writer.StoreError
	if cond.IfMatch != "" && errors.As(err, &e) && e.Class == writer.ErrNotFound {
		changed := *e
		changed.Class = writer.ErrPrecondition
		return &changed
	}
	return err
}

// putInput is a PutObject with all that the mount gives its objects.
func (s *Store) putInput(key string, attrs writer.Attributes, token string) *s3.PutObjectInput {
	h := s.headers(attrs)
	return &s3.PutObjectInput{
		Bucket: &s.cfg.Bucket, Key: &key,
		ContentType: optional(attrs.ContentType), Metadata: s.withToken(attrs, token),
		CacheControl: h.cacheControl, ContentDisposition: h.disposition, ContentEncoding: h.encoding,
		ContentLanguage: h.language, Expires: h.expires, WebsiteRedirectLocation: h.redirect,
		ACL: types.ObjectCannedACL(s.cfg.ACL), StorageClass: h.class,
		ServerSideEncryption: h.encryption, SSEKMSKeyId: h.keyID, BucketKeyEnabled: h.bucketKey,
		Tagging:      s.tagging(attrs.Tags),
		RequestPayer: s.payer(), ExpectedBucketOwner: s.owner(),
	}
}

// HeadObject implements writer.Store.
func (s *Store) HeadObject(ctx context.Context, key string) (writer.Object, error) {
	obj, _, err := s.head(ctx, &operation{name: "HeadObject", words: "head object", key: key})
	return obj, err
}

// head describes an object; token is the mark it carries, which is no part of
// its attributes.
func (s *Store) head(ctx context.Context, op *operation) (obj writer.Object, token string, err error) {
	out, err := run(ctx, s, op, func(ctx context.Context, c *s3.Client) (*s3.HeadObjectOutput, error) {
		out, err := c.HeadObject(ctx, &s3.HeadObjectInput{
			Bucket: &s.cfg.Bucket, Key: &op.key, ChecksumMode: types.ChecksumModeEnabled,
			RequestPayer: s.payer(), ExpectedBucketOwner: s.owner(),
		})
		if err == nil && (aws.ToString(out.ETag) == "" || aws.ToInt64(out.ContentLength) < 0) {
			err = errEmptyAnswer // of something on the way that is no store
		}
		return out, err
	})
	if err != nil {
		return writer.Object{}, "", err
	}
	attrs, token := attributesOf(out)
	return writer.Object{
		Key: op.key, ETag: aws.ToString(out.ETag), VersionID: aws.ToString(out.VersionId),
		Size: aws.ToInt64(out.ContentLength), LastModified: aws.ToTime(out.LastModified),
		StorageClass: string(out.StorageClass),
		Checksum:     fullChecksum(out.ChecksumType, out.ChecksumCRC64NVME, out.ChecksumCRC32C, out.ChecksumCRC32),
		Attributes:   attrs, TagCount: int(aws.ToInt32(out.TagCount)),
		Plain: s.plain(out.ChecksumCRC32C != nil, op.key, aws.ToString(out.ETag)),
	}, token, nil
}

// DeleteObject removes an object; one that is not there is no error. Where no
// answer came, the object itself tells whether it is gone.
func (s *Store) DeleteObject(ctx context.Context, key string) error {
	op := &operation{name: "DeleteObject", words: "delete object", key: key}
	_, err := run(ctx, s, op, func(ctx context.Context, c *s3.Client) (*s3.DeleteObjectOutput, error) {
		return c.DeleteObject(ctx, &s3.DeleteObjectInput{
			Bucket: &s.cfg.Bucket, Key: &key, RequestPayer: s.payer(), ExpectedBucketOwner: s.owner(),
		})
	})
	if err != nil && op.doubt {
		if _, unknown := s.HeadObject(ctx, key); errors.Is(unknown, writer.ErrNotFound) {
			return nil
		}
	}
	return ignore(err, writer.ErrNotFound)
}

func (s *Store) payer() types.RequestPayer {
	if s.cfg.RequesterPays {
		return types.RequestPayerRequester
	}
	return ""
}

func (s *Store) owner() *string { return optional(s.cfg.ExpectedBucketOwner) }

// optional leaves an empty text out of a request.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
