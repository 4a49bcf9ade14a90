package s3store

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/s3mpfs/s3mpfs/writer"
)

// CopyObject implements writer.Store. The tags of src are kept unless the
// mount gives its own.
func (s *Store) CopyObject(ctx context.Context, src writer.Object, key string, attrs writer.Attributes, cond writer.Condition) (writer.Object, error) {
	token := newToken(cond)
	id := identity{size: src.Size, token: token, checksum: src.Checksum, metadata: attrs.Metadata}
	if !strings.Contains(src.ETag, "-") {
		id.etag = src.ETag
	}
	return degrade(s, conditions(cond, copyIfMatch, copyIfNoneMatch), func(have feature) (writer.Object, error) {
		op := &operation{name: "CopyObject", words: "copy object", key: key, slow: true, settle: true}
		in := s.copyInput(src, key, attrs, token)
		if err := s.guard(ctx, op, cond, have != 0, &in.IfMatch, &in.IfNoneMatch); err != nil {
			return writer.Object{}, err
		}
		if s.custom && have != 0 { // many stores ignore a condition on the target
			if err := s.compare(ctx, op, cond); err != nil {
				return writer.Object{}, err
			}
		}
		obj, err := run(ctx, s, op, func(ctx context.Context, c *s3.Client) (writer.Object, error) {
			return copied(c.CopyObject(ctx, in))
		})
		if err != nil {
			return s.settle(ctx, op, id, missing(err, cond))
		}
		return s.made(obj, key, src.Size, obj.Checksum, attrs), nil
	})
}

// copied reads the answer to a CopyObject.
func copied(out *s3.CopyObjectOutput, err error) (writer.Object, error) {
	switch {
	case err != nil:
		return writer.Object{}, err
	case out.CopyObjectResult == nil || aws.ToString(out.CopyObjectResult.ETag) == "":
		return writer.Object{}, errEmptyAnswer
	}
	r := out.CopyObjectResult
	return writer.Object{
		ETag: *r.ETag, VersionID: aws.ToString(out.VersionId), LastModified: aws.ToTime(r.LastModified),
		Checksum: fullChecksum(r.ChecksumType, r.ChecksumCRC64NVME, r.ChecksumCRC32C, r.ChecksumCRC32),
	}, nil
}

func (s *Store) copyInput(src writer.Object, key string, attrs writer.Attributes, token string) *s3.CopyObjectInput {
	in := &s3.CopyObjectInput{
		Bucket: &s.cfg.Bucket, Key: &key, CopySource: s.copySource(src.Key), CopySourceIfMatch: optional(src.ETag),
		MetadataDirective: types.MetadataDirectiveReplace, ContentType: optional(attrs.ContentType),
		Metadata: s.withToken(attrs, token), CacheControl: optional(s.cfg.CacheControl),
		ACL: types.ObjectCannedACL(s.cfg.ACL), StorageClass: types.StorageClass(s.cfg.StorageClass),
		ServerSideEncryption: types.ServerSideEncryption(s.cfg.SSE), SSEKMSKeyId: optional(s.cfg.SSEKMSKeyID),
		RequestPayer: s.payer(), ExpectedBucketOwner: s.owner(), ExpectedSourceBucketOwner: s.owner(),
	}
	if in.Tagging = s.tagging(); in.Tagging != nil {
		in.TaggingDirective = types.TaggingDirectiveReplace
	}
	return in
}

// copySource names an object in a header, where S3 decodes a plus as a space.
func (s *Store) copySource(key string) *string {
	escaped := strings.NewReplacer("+", "%20", "%2F", "/").Replace(url.QueryEscape(key))
	return aws.String(s.cfg.Bucket + "/" + escaped)
}

// UploadPartCopy implements writer.Store.
func (s *Store) UploadPartCopy(ctx context.Context, u writer.Upload, number int32, src writer.Object, offset, length int64) (writer.Part, error) {
	op := &operation{name: "UploadPartCopy", words: fmt.Sprintf("copy part %d", number), key: u.Key, slow: true}
	in := &s3.UploadPartCopyInput{
		Bucket: &s.cfg.Bucket, Key: &u.Key, UploadId: &u.ID, PartNumber: &number,
		CopySource: s.copySource(src.Key), CopySourceIfMatch: optional(src.ETag),
		RequestPayer: s.payer(), ExpectedBucketOwner: s.owner(), ExpectedSourceBucketOwner: s.owner(),
	}
	if offset != 0 || length != src.Size { // S3 takes no range of a source of up to 5 MB
		in.CopySourceRange = aws.String(fmt.Sprintf("bytes=%d-%d", offset, offset+length-1))
	}
	return run(ctx, s, op, func(ctx context.Context, c *s3.Client) (writer.Part, error) {
		out, err := c.UploadPartCopy(ctx, in)
		switch {
		case err != nil:
			return writer.Part{}, err
		case out.CopyPartResult == nil || aws.ToString(out.CopyPartResult.ETag) == "":
			return writer.Part{}, errEmptyAnswer
		}
		r := out.CopyPartResult
		return writer.Part{
			Number: number, ETag: *r.ETag, Size: length,
			Checksum: fullChecksum("", r.ChecksumCRC64NVME, r.ChecksumCRC32C, r.ChecksumCRC32),
		}, nil
	})
}
