package s3store

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/s3mpfs/s3mpfs/writer"
)

// ListUploads gives all multipart uploads of keys under prefix. The prefix is
// applied here: there are stores that take only a whole key for one.
func (s *Store) ListUploads(ctx context.Context, prefix string) (uploads []writer.Upload, err error) {
	var keyMarker, idMarker *string
	seen := map[[2]string]bool{} // a page that leads back to one before would do so for ever
	for {
		op := &operation{name: "ListMultipartUploads", words: "list multipart uploads", key: prefix}
		out, err := run(ctx, s, op, func(ctx context.Context, c *s3.Client) (*s3.ListMultipartUploadsOutput, error) {
			return c.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{
				Bucket: &s.cfg.Bucket, KeyMarker: keyMarker, UploadIdMarker: idMarker,
				MaxUploads: aws.Int32(pageSize), EncodingType: types.EncodingTypeUrl,
				RequestPayer: s.payer(), ExpectedBucketOwner: s.owner(),
			})
		})
		if err != nil {
			return nil, err
		}
		decode := keyDecoder(out.EncodingType)
		for _, u := range out.Uploads {
			if key := decode(u.Key); strings.HasPrefix(key, prefix) {
				uploads = append(uploads, writer.Upload{
					Key: key, ID: aws.ToString(u.UploadId), Initiated: aws.ToTime(u.Initiated),
					Checksum:  algorithmOf(u.ChecksumAlgorithm, u.ChecksumType),
					Composite: isComposite(u.ChecksumAlgorithm, u.ChecksumType),
				})
			}
		}
		if !aws.ToBool(out.IsTruncated) || aws.ToString(out.NextKeyMarker) == "" {
			return uploads, nil
		}
		keyMarker, idMarker = aws.String(decode(out.NextKeyMarker)), out.NextUploadIdMarker
		markers := [2]string{*keyMarker, aws.ToString(idMarker)}
		if seen[markers] {
			return nil, op.fails(writer.ErrInvalid, errOtherListing)
		}
		seen[markers] = true
	}
}

// algorithmOf is the checksum that an upload's parts carry, None where it is
// not one over the whole object.
func algorithmOf(name types.ChecksumAlgorithm, kind types.ChecksumType) writer.Algorithm {
	if kind == types.ChecksumTypeComposite {
		return writer.None
	}
	for algorithm, n := range algorithms {
		if n == name {
			return algorithm
		}
	}
	return writer.None
}

// isComposite: SHA-1 and SHA-256 always are.
func isComposite(name types.ChecksumAlgorithm, kind types.ChecksumType) bool {
	return name != "" && (kind == types.ChecksumTypeComposite || algorithmOf(name, kind) == writer.None)
}

// ListParts gives the parts that S3 holds of an upload, by their numbers.
func (s *Store) ListParts(ctx context.Context, u writer.Upload) (parts []writer.Part, err error) {
	err = s.eachPart(ctx, u, func(p types.Part) {
		parts = append(parts, writer.Part{
			Number: aws.ToInt32(p.PartNumber), ETag: aws.ToString(p.ETag), Size: aws.ToInt64(p.Size),
			Checksum: fullChecksum("", p.ChecksumCRC64NVME, p.ChecksumCRC32C, p.ChecksumCRC32),
		})
	})
	if err != nil {
		return nil, err
	}
	return parts, nil
}

// eachPart calls do with what S3 tells of each part, by their numbers.
func (s *Store) eachPart(ctx context.Context, u writer.Upload, do func(types.Part)) error {
	for marker, last := "", int32(0); ; {
		page, next, err := s.partsPage(ctx, u, marker)
		if err != nil {
			return err
		}
		for _, p := range page {
			if aws.ToInt32(p.PartNumber) <= last || aws.ToInt64(p.Size) < 0 {
				op := &operation{name: "ListParts", words: "list parts", key: u.Key}
				return op.fails(writer.ErrInvalid, errOtherListing)
			}
			last = *p.PartNumber
			do(p)
		}
		if next == "" || len(page) == 0 {
			return nil
		}
		marker = next
	}
}

// partsPage gives one page of an upload's parts and the marker of the next, ""
// at the end.
func (s *Store) partsPage(ctx context.Context, u writer.Upload, marker string) (parts []types.Part, next string, err error) {
	op := &operation{name: "ListParts", words: "list parts", key: u.Key}
	out, err := run(ctx, s, op, func(ctx context.Context, c *s3.Client) (*s3.ListPartsOutput, error) {
		return c.ListParts(ctx, &s3.ListPartsInput{
			Bucket: &s.cfg.Bucket, Key: &u.Key, UploadId: &u.ID,
			PartNumberMarker: optional(marker), MaxParts: aws.Int32(pageSize),
			RequestPayer: s.payer(), ExpectedBucketOwner: s.owner(),
		})
	})
	if err != nil {
		return nil, "", err
	}
	if aws.ToBool(out.IsTruncated) {
		next = aws.ToString(out.NextPartNumberMarker)
	}
	return out.Parts, next, nil
}
