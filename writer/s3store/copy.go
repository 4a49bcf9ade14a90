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
	sum := s.copyAlgorithm(src, attrs)
	if key == src.Key && sum != writer.None && s.versity.met.Load() {
		if !s.versity.conceals(src.Key, src.ETag) {
			return s.copyOnto(ctx, src, attrs, cond)
		}
		sum = writer.None
	}
	if sum != writer.None {
		id.checksum = writer.Checksum{}
	}
	want := conditions(cond, copyIfMatch, copyIfNoneMatch) | checksumFeature(writer.Checksum{Algorithm: sum})
	return degrade(s, want, func(have feature) (writer.Object, error) {
		op := &operation{name: "CopyObject", words: "copy object", key: key, slow: true, settle: true}
		in := s.copyInput(src, key, attrs, token)
		if have&checksums != 0 {
			in.ChecksumAlgorithm = algorithms[sum]
		}
		guarded := have&(ifMatch|ifNoneMatch) != 0
		if err := s.guard(ctx, op, cond, guarded, &in.IfMatch, &in.IfNoneMatch); err != nil {
			return writer.Object{}, err
		}
		// The source's condition guards an object that is copied onto itself.
		if s.custom && guarded && key != src.Key { // many stores ignore a condition on the target
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
		return s.copiedAs(obj, src, key, attrs), nil
	})
}

// copiedAs describes a copy of src, which has its tags.
func (s *Store) copiedAs(obj, src writer.Object, key string, attrs writer.Attributes) writer.Object {
	obj = s.made(obj, key, src.Size, obj.Checksum, attrs)
	if obj.TagCount == 0 {
		obj.TagCount = src.TagCount
	}
	return obj
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
	h := s.headers(attrs)
	in := &s3.CopyObjectInput{
		Bucket: &s.cfg.Bucket, Key: &key, CopySource: s.copySource(src), CopySourceIfMatch: optional(src.ETag),
		MetadataDirective: types.MetadataDirectiveReplace, ContentType: optional(attrs.ContentType), Metadata: s.withToken(attrs, token),
		CacheControl: h.cacheControl, ContentDisposition: h.disposition, ContentEncoding: h.encoding,
		ContentLanguage: h.language, Expires: h.expires, WebsiteRedirectLocation: h.redirect,
		ACL: types.ObjectCannedACL(s.cfg.ACL), StorageClass: h.class,
		ServerSideEncryption: h.encryption, SSEKMSKeyId: h.keyID, BucketKeyEnabled: h.bucketKey,
		RequestPayer: s.payer(), ExpectedBucketOwner: s.owner(), ExpectedSourceBucketOwner: s.owner(),
	}
	if key == src.Key {
		return in // the same object, with its tags
	}
	if in.Tagging = s.tagging(attrs.Tags); in.Tagging != nil {
		in.TaggingDirective = types.TaggingDirectiveReplace
	}
	return in
}

// copySource names an object version in a header, where S3 decodes a plus as a
// space. An access point is named by its ARN and the word object.
func (s *Store) copySource(src writer.Object) *string {
	bucket := s.cfg.Bucket
	if strings.HasPrefix(bucket, "arn:") {
		bucket += "/object"
	}
	source := bucket + "/" + escaped(src.Key)
	if src.ByVersion {
		source += "?versionId=" + url.QueryEscape(src.VersionID)
	}
	return &source
}

// escaped is a key as S3 takes it in a header.
func escaped(key string) string {
	return strings.NewReplacer("+", "%20", "%2F", "/").Replace(url.QueryEscape(key))
}

// UploadPartCopy implements writer.Store.
func (s *Store) UploadPartCopy(ctx context.Context, u writer.Upload, number int32, src writer.Object, offset, length int64) (writer.Part, error) {
	op := &operation{name: "UploadPartCopy", words: fmt.Sprintf("copy part %d", number), key: u.Key, slow: true}
	in := &s3.UploadPartCopyInput{
		Bucket: &s.cfg.Bucket, Key: &u.Key, UploadId: &u.ID, PartNumber: &number,
		CopySource: s.copySource(src), CopySourceIfMatch: optional(src.ETag),
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
