package s3store_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/s3mpfs/s3mpfs/fs"
	"github.com/s3mpfs/s3mpfs/internal/s3server"
	"github.com/s3mpfs/s3mpfs/internal/storetest"
	"github.com/s3mpfs/s3mpfs/writer"
	"github.com/s3mpfs/s3mpfs/writer/s3store"
)

var _ fs.Bucket = (*s3store.Store)(nil)

// On versitygw keys are paths of files, and XML that holds what XML cannot hold.
var refusedByVersitygw = []string{"a//b", "/leading", "..", "../up", ".", "a/./b", "a/../c", "control\x01"}

func TestContractOnVersitygw(t *testing.T) {
	server := s3server.Start(t)
	for _, algorithm := range []writer.Algorithm{writer.CRC64NVME, writer.CRC32C, writer.None} {
		o := storetest.Options{Checksum: algorithm, UncheckedNumbers: true, Silent: algorithm != writer.CRC64NVME, MultipartMarks: true, RefusedKeys: refusedByVersitygw}
		t.Run(algorithm.String(), func(t *testing.T) {
			storetest.Run(t, o, opener(server, algorithm, func(*s3store.Config) {}))
		})
	}
}

// TestContractWithLabels creates uploads as for Amazon, which versitygw takes
// as long as no range is copied.
func TestContractWithLabels(t *testing.T) {
	server := s3server.Start(t)
	o := storetest.Options{
		Checksum: writer.CRC64NVME, UncheckedNumbers: true, RangeSums: true, MultipartMarks: true, RefusedKeys: refusedByVersitygw,
	}
	storetest.Run(t, o, opener(server, o.Checksum, s3store.Label))
}

func TestContractOnMoto(t *testing.T) {
	server, ok := s3server.StartMoto(t)
	if !ok {
		t.Skip("moto is not installed")
	}
	o := storetest.Options{
		Checksum: writer.CRC64NVME, UncheckedSums: true, UncheckedNumbers: true, UncheckedMatch: true,
		UncheckedCopySource: true,
		UncheckedAbort:      true, // UploadPart answers 500
		RefusedKeys:         []string{"new\nline"},
	}
	storetest.Run(t, o, opener(server, o.Checksum, func(*s3store.Config) {}))
}

// opener gives a new bucket for each sub-test and verifies that no upload is
// left in it.
func opener(server *s3server.Server, algorithm writer.Algorithm, more func(*s3store.Config)) func(*testing.T) storetest.Store {
	return func(t *testing.T) storetest.Store {
		bucket := server.NewBucket(t)
		cfg := s3store.Config{
			Bucket: bucket.Name, EndpointURL: server.Endpoint, Region: server.Region, Checksum: algorithm,
			RetryTimeout: 2 * time.Second,
			Credentials:  credentials.NewStaticCredentialsProvider(server.AccessKey, server.SecretKey, ""),
		}
		more(&cfg)
		s, err := s3store.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if left := bucket.Uploads(t); len(left) > 0 {
				t.Errorf("uploads left behind: %v", left)
			}
			s.Close()
		})
		if err := s.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		return s
	}
}
