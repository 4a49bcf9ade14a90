package s3store

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/cenkalti/backoff/v5"

	"github.com/s3mpfs/s3mpfs/writer"
)

// CompleteMultipartUpload implements writer.Store. A NoSuchUpload is decided by
// the object even without an answer lost before it: its ETag, checksum or token
// tell whether the upload has ended as the object or was aborted.
func (s *Store) CompleteMultipartUpload(ctx context.Context, u writer.Upload, parts []writer.Part, c writer.Completion) (writer.Object, error) {
	id := identity{size: c.Size, token: u.Token, checksum: c.Checksum, etag: multipartETag(parts)}
	unlabelled := s.versity.isUnlabelled(u)
	want := objectSize | conditions(c.Condition, completeIfMatch, completeIfNoneMatch)
	if !unlabelled {
		want |= checksumFeature(writer.Checksum{Algorithm: u.Checksum})
	}
	obj, err := degrade(s, want, func(have feature) (writer.Object, error) {
		op := &operation{name: "CompleteMultipartUpload", words: "complete multipart upload", key: u.Key, slow: true}
		if sum := combined(parts); have&checksums == 0 && sum.Algorithm == c.Checksum.Algorithm && sum != c.Checksum {
			return writer.Object{}, op.fails(writer.ErrChecksum, nil) // nobody else would see it
		}
		in := s.completeInput(u, parts, c, have)
		if err := s.nameChecksums(ctx, u, in.MultipartUpload.Parts); err != nil {
			return writer.Object{}, err
		}
		if err := s.guard(ctx, op, c.Condition, have&(ifMatch|ifNoneMatch) != 0, &in.IfMatch, &in.IfNoneMatch); err != nil {
			return writer.Object{}, err
		}
		obj, err := run(ctx, s, op, func(ctx context.Context, c *s3.Client) (writer.Object, error) {
			return completed(ctx, c, in)
		})
		if err == nil && s.versity.doubtful(obj.Checksum) {
			err = op.fails(writer.ErrNoSuchUpload, nil)
		}
		if err != nil {
			return s.settle(ctx, op, id, missing(err, c.Condition))
		}
		if told := obj.Checksum; told.Algorithm == c.Checksum.Algorithm && told != c.Checksum {
			return writer.Object{}, op.fails(writer.ErrChecksum, nil)
		}
		obj.Key, obj.Size, obj.StorageClass = u.Key, c.Size, s.cfg.StorageClass
		obj.Plain = s.plain(u.Checksum == markAlgorithm, obj.Key, obj.ETag)
		return obj, nil
	})
	if err == nil || errors.Is(err, writer.ErrNoSuchUpload) {
		s.versity.forget(u)
	}
	return obj, err
}

// completed sends a completion and reads its answer.
func completed(ctx context.Context, c *s3.Client, in *s3.CompleteMultipartUploadInput) (writer.Object, error) {
	out, err := c.CompleteMultipartUpload(ctx, in)
	switch {
	case err != nil:
		return writer.Object{}, err
	case aws.ToString(out.ETag) == "":
		return writer.Object{}, errEmptyAnswer
	}
	return writer.Object{
		ETag: *out.ETag, VersionID: aws.ToString(out.VersionId), LastModified: dateOf(ctx),
		Checksum: fullChecksum(out.ChecksumType, out.ChecksumCRC64NVME, out.ChecksumCRC32C, out.ChecksumCRC32),
	}, nil
}

func (s *Store) completeInput(u writer.Upload, parts []writer.Part, c writer.Completion, have feature) *s3.CompleteMultipartUploadInput {
	in := &s3.CompleteMultipartUploadInput{
		Bucket: &s.cfg.Bucket, Key: &u.Key, UploadId: &u.ID,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: make([]types.CompletedPart, len(parts))},
		RequestPayer:    s.payer(), ExpectedBucketOwner: s.owner(),
	}
	for i, p := range parts {
		in.MultipartUpload.Parts[i] = types.CompletedPart{PartNumber: aws.Int32(p.Number), ETag: aws.String(p.ETag)}
		if have&checksums != 0 {
			setChecksum(p.Checksum, partChecksum(&in.MultipartUpload.Parts[i]))
		}
	}
	if have&objectSize != 0 {
		in.MpuObjectSize = aws.Int64(c.Size)
	}
	if have&checksums != 0 && c.Checksum.Algorithm != writer.None {
		in.ChecksumType = types.ChecksumTypeFullObject
		setChecksum(c.Checksum, completeChecksum(in))
	}
	return in
}

// nameChecksums puts what S3 tells of the parts of a composite upload, in whatever
// algorithm, beside their ETags.
func (s *Store) nameChecksums(ctx context.Context, u writer.Upload, parts []types.CompletedPart) error {
	if !u.Composite {
		return nil
	}
	return s.eachPart(ctx, u, func(told types.Part) {
		if n := int(*told.PartNumber); n <= len(parts) && aws.ToString(parts[n-1].ETag) == aws.ToString(told.ETag) {
			p := &parts[n-1]
			p.ChecksumSHA256, p.ChecksumSHA1 = told.ChecksumSHA256, told.ChecksumSHA1
			p.ChecksumCRC64NVME, p.ChecksumCRC32C, p.ChecksumCRC32 = told.ChecksumCRC64NVME, told.ChecksumCRC32C, told.ChecksumCRC32
		}
	})
}

// errPartsLeft says that an aborted upload still holds parts.
var errPartsLeft = errors.New("parts are still listed after the abort")

// aborts is how often an upload is aborted while parts in flight still land.
const aborts = 8

// AbortMultipartUpload implements writer.Store.
func (s *Store) AbortMultipartUpload(ctx context.Context, u writer.Upload) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := s.abort(ctx, u)
		if err != nil && !errors.Is(err, errPartsLeft) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(s.cfg.newBackOff()), backoff.WithMaxTries(aborts))
	if err == nil {
		s.versity.forget(u)
	}
	return err
}

// abort aborts once and looks whether anything is left.
func (s *Store) abort(ctx context.Context, u writer.Upload) error {
	op := &operation{name: "AbortMultipartUpload", words: "abort multipart upload", key: u.Key}
	_, err := run(ctx, s, op, func(ctx context.Context, c *s3.Client) (*s3.AbortMultipartUploadOutput, error) {
		return c.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
			Bucket: &s.cfg.Bucket, Key: &u.Key, UploadId: &u.ID,
			RequestPayer: s.payer(), ExpectedBucketOwner: s.owner(),
		})
	})
	if err != nil {
		return ignore(err, writer.ErrNoSuchUpload)
	}
	parts, _, err := s.partsPage(ctx, u, "")
	if err == nil && len(parts) > 0 {
		return op.fails(writer.ErrUnavailable, errPartsLeft)
	}
	// The abort was accepted; whoever may not list parts cannot ask for more.
	return ignore(err, writer.ErrNoSuchUpload, writer.ErrAccess, writer.ErrUnsupported)
}

// ignore drops an error of one of the classes.
func ignore(err error, classes ...error) error {
	for _, class := range classes {
		if errors.Is(err, class) {
			return nil
		}
	}
	return err
}
