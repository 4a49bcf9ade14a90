package s3store

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/s3mpfs/s3mpfs/writer"
)

// checksumFields are the fields of a request that carry a checksum, in the
// order of the algorithms.
type checksumFields map[writer.Algorithm]**string

func putChecksum(in *s3.PutObjectInput) checksumFields {
	return checksumFields{writer.CRC64NVME: &in.ChecksumCRC64NVME, writer.CRC32C: &in.ChecksumCRC32C, writer.CRC32: &in.ChecksumCRC32}
}

func uploadPartChecksum(in *s3.UploadPartInput) checksumFields {
	return checksumFields{writer.CRC64NVME: &in.ChecksumCRC64NVME, writer.CRC32C: &in.ChecksumCRC32C, writer.CRC32: &in.ChecksumCRC32}
}

func completeChecksum(in *s3.CompleteMultipartUploadInput) checksumFields {
	return checksumFields{writer.CRC64NVME: &in.ChecksumCRC64NVME, writer.CRC32C: &in.ChecksumCRC32C, writer.CRC32: &in.ChecksumCRC32}
}

func partChecksum(part *types.CompletedPart) checksumFields {
	return checksumFields{writer.CRC64NVME: &part.ChecksumCRC64NVME, writer.CRC32C: &part.ChecksumCRC32C, writer.CRC32: &part.ChecksumCRC32}
}

// setChecksum puts a checksum into the field of its algorithm, if there is one.
func setChecksum(c writer.Checksum, fields checksumFields) {
	if field, ok := fields[c.Algorithm]; ok {
		*field = aws.String(c.Base64())
	}
}

// sentChecksum is what the store has verified, none if it takes none.
func sentChecksum(c writer.Checksum, have feature) writer.Checksum {
	if have&checksums == 0 {
		return writer.Checksum{}
	}
	return c
}

var algorithms = map[writer.Algorithm]types.ChecksumAlgorithm{
	writer.CRC64NVME: types.ChecksumAlgorithmCrc64nvme,
	writer.CRC32C:    types.ChecksumAlgorithmCrc32c,
	writer.CRC32:     types.ChecksumAlgorithmCrc32,
}

// fullChecksum is the checksum over all bytes that an answer tells. A
// composite one, a checksum of the parts' checksums, is none.
func fullChecksum(kind types.ChecksumType, crc64nvme, crc32c, crc32 *string) writer.Checksum {
	if kind == types.ChecksumTypeComposite {
		return writer.Checksum{}
	}
	for _, c := range []struct {
		algorithm writer.Algorithm
		text      *string
	}{{writer.CRC64NVME, crc64nvme}, {writer.CRC32C, crc32c}, {writer.CRC32, crc32}} {
		text := aws.ToString(c.text)
		if text == "" || strings.Contains(text, "-") {
			continue
		}
		// What cannot be read is as good as not told.
		if sum, err := writer.ParseChecksum(c.algorithm, text); err == nil {
			return sum
		}
	}
	return writer.Checksum{}
}
