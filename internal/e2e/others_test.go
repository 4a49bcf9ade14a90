package e2e

import (
	"bytes"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// TestUploadsOfOthersAreCompleted: what another program has left, with whatever
// checksums, becomes an object.
func TestUploadsOfOthersAreCompleted(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store) {
		b := newBucket(t, s)
		content := random(1, 11*mib)
		for name, algorithm := range map[string]types.ChecksumAlgorithm{
			"none": "", "sha256": types.ChecksumAlgorithmSha256, "sha1": types.ChecksumAlgorithmSha1, "crc32": types.ChecksumAlgorithmCrc32,
			"crc32c": types.ChecksumAlgorithmCrc32c, "crc64nvme": types.ChecksumAlgorithmCrc64nvme,
		} {
			b.leave(name, content, algorithm)
			if code, output := b.uploads("complete", name, "--yes"); code != 0 {
				t.Errorf("%s: exit code %d: %s", name, code, output)
				continue
			}
			b.wantObject(name, content)
		}
	})
}

// leave sends content in two parts, as another program does that then dies.
func (b *bucket) leave(key string, content []byte, algorithm types.ChecksumAlgorithm) {
	b.t.Helper()
	client := b.store.Client()
	created, err := client.CreateMultipartUpload(b.t.Context(), &s3.CreateMultipartUploadInput{
		Bucket: &b.b.Name, Key: &key, ChecksumAlgorithm: algorithm,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	const cut = 6 * mib
	for i, p := range [][]byte{content[:cut], content[cut:]} {
		_, err := client.UploadPart(b.t.Context(), &s3.UploadPartInput{
			Bucket: &b.b.Name, Key: &key, UploadId: created.UploadId, PartNumber: aws.Int32(int32(i) + 1),
			Body: bytes.NewReader(p), ChecksumAlgorithm: algorithm,
		})
		if err != nil {
			b.t.Fatal(err)
		}
	}
}
