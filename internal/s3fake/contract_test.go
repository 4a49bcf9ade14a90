package s3fake_test

import (
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/s3fake"
	"github.com/s3mpfs/s3mpfs/internal/storetest"
	"github.com/s3mpfs/s3mpfs/writer"
)

func TestContract(t *testing.T) {
	for name, o := range map[string]s3fake.Options{
		"crc64nvme":         {Checksum: writer.CRC64NVME},
		"crc32c, real ETag": {Checksum: writer.CRC32C, MD5: true},
		"no checksum":       {},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, storetest.Options{Checksum: o.Checksum}, func(t *testing.T) storetest.Store {
				s := s3fake.New(o)
				t.Cleanup(func() {
					if left := s.Uploads(); len(left) > 0 {
						t.Errorf("uploads left behind: %+v", left)
					}
				})
				return s
			})
		})
	}
}
