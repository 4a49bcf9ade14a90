package s3store

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/s3mpfs/s3mpfs/writer"
)

// CreateMultipartUpload implements writer.Store. An answer that is lost may
// leave an upload behind; S3 offers no way to tell it from another writer's of
// the same key, so it is named in the log and not aborted.
func (s *Store) CreateMultipartUpload(ctx context.Context, key string, attrs writer.Attributes, cond writer.Condition) (writer.Upload, error) {
	token := newToken(cond)
	wanted := s.algorithmOf(attrs, s.cfg.Checksum)
	want := checksumFeature(writer.Checksum{Algorithm: wanted})
	return degrade(s, want, func(have feature) (writer.Upload, error) {
		op := &operation{name: "CreateMultipartUpload", words: "create multipart upload", key: key}
		in, algorithm := s.createInput(key, attrs, token), writer.None
		if have&checksums != 0 {
			algorithm = wanted
		}
		label := algorithm != writer.None && !s.versity.mislabels()
		if label {
			in.ChecksumAlgorithm, in.ChecksumType = algorithms[algorithm], types.ChecksumTypeFullObject
		}
		u, err := run(ctx, s, op, func(ctx context.Context, c *s3.Client) (writer.Upload, error) {
			out, err := c.CreateMultipartUpload(ctx, in)
			switch {
			case err != nil:
				return writer.Upload{}, err
			case aws.ToString(out.UploadId) == "":
				return writer.Upload{}, errEmptyAnswer
			}
			return writer.Upload{
				Key: key, ID: *out.UploadId, Initiated: dateOf(ctx), AbortDate: aws.ToTime(out.AbortDate),
				Checksum: algorithm, Token: token,
			}, nil
		})
		if err == nil && algorithm != writer.None && !label {
			s.versity.unlabelled.Store(u.ID, nil)
		}
		if op.doubt {
			s.nameStrays(ctx, key, u.ID)
		}
		return u, err
	})
}

// nameStrays logs the uploads of key other than known, of which one may be ours
// although we never learnt its ID.
func (s *Store) nameStrays(ctx context.Context, key, known string) {
	uploads, err := s.ListUploads(ctx, key)
	if err != nil {
		s.cfg.Log.Warn("an upload may have been left behind: the answer to its creation was lost", "key", key, "error", err)
		return
	}
	for _, u := range uploads {
		if u.Key == key && u.ID != known {
			s.cfg.Log.Warn("an upload may have been left behind: the answer to its creation was lost; "+
				"if nobody else is writing this key, abort it",
				"key", key, "upload_id", u.ID, "initiated", u.Initiated)
		}
	}
}

func (s *Store) createInput(key string, attrs writer.Attributes, token string) *s3.CreateMultipartUploadInput {
	h := s.headers(attrs)
	return &s3.CreateMultipartUploadInput{
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

// UploadPart implements writer.Store.
func (s *Store) UploadPart(ctx context.Context, u writer.Upload, number int32, body writer.Body) (writer.Part, error) {
	var want feature
	if body.Checksum.Algorithm != writer.None && u.Checksum != writer.None {
		var whole bool
		if body, whole = body.As(u.Checksum); !whole {
			return writer.Part{}, spoilt(fmt.Sprintf("upload part %d", number), u.Key)
		}
	}
	if body.Checksum.Algorithm == u.Checksum {
		want = checksumFeature(body.Checksum)
	}
	return degrade(s, want, func(have feature) (writer.Part, error) {
		op := &operation{name: "UploadPart", words: fmt.Sprintf("upload part %d", number), key: u.Key, body: &body}
		in := &s3.UploadPartInput{
			Bucket: &s.cfg.Bucket, Key: &u.Key, UploadId: &u.ID, PartNumber: &number,
			Body: body.NewReader(), ContentLength: aws.Int64(body.Size),
			RequestPayer: s.payer(), ExpectedBucketOwner: s.owner(),
		}
		if have&checksums != 0 {
			setChecksum(body.Checksum, uploadPartChecksum(in))
		}
		return run(ctx, s, op, func(ctx context.Context, c *s3.Client) (writer.Part, error) {
			out, err := c.UploadPart(ctx, in)
			switch {
			case err != nil:
				return writer.Part{}, err
			case aws.ToString(out.ETag) == "":
				return writer.Part{}, errEmptyAnswer
			}
			return writer.Part{
				Number: number, ETag: *out.ETag, Size: body.Size, Checksum: sentChecksum(body.Checksum, have),
			}, nil
		})
	})
}
