package writer_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/s3fake"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
	"github.com/s3mpfs/s3mpfs/writer"
)

// TestReserveComesBackFromAFileThatFails: two files are published although all
// memory is taken, the first with the reserve. Whether it fails or is discarded
// while its bytes are under way, the second must get the whole reserve.
func TestReserveComesBackFromAFileThatFails(t *testing.T) {
	for name, fail := range map[string]func(a *writer.File, store *s3fake.Store){
		"refused":   func(*writer.File, *s3fake.Store) {},
		"discarded": func(a *writer.File, _ *s3fake.Store) { time.Sleep(400 * time.Millisecond); _ = a.Discard() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { failWithReserve(t, name == "refused", fail) })
		})
	}
}

func failWithReserve(t *testing.T, refuse bool, fail func(*writer.File, *s3fake.Store)) {
	limits := tiny
	limits.MinPart, limits.MinCopySource = 16, 16
	store := s3fake.New(s3fake.Options{Limits: limits, Checksum: writer.CRC64NVME})
	engine, err := writer.New(store, writer.Options{PartSize: 16, BlockSize: 4, Memory: 64, MaxHole: 40, Limits: limits, Concurrency: 4})
	if err != nil {
		t.Fatal(err)
	}
	files := []*writer.File{
		engine.Open(store.Set("a", pattern(200), writer.Attributes{}), writer.FileOptions{}),
		engine.Open(store.Set("b", pattern(200), writer.Attributes{}), writer.FileOptions{}),
	}
	for i := 0; engine.Memory().Used() < engine.Memory().Size(); i++ {
		write(t, files[i%2], []byte{1}, int64(i*17))
	}
	store.Inject(func(c s3fake.Call) s3fake.Fault {
		switch {
		case c.Op == s3op.GetObject, c.Op == s3op.UploadPart:
			time.Sleep(300 * time.Millisecond)
		case c.Op == s3op.CreateMultipartUpload && c.Key == "a" && refuse:
			time.Sleep(100 * time.Millisecond)
			return s3fake.Refuse(writer.ErrAccess)
		}
		return s3fake.Fault{}
	})
	published := make(chan error, 2)
	go func() { published <- files[0].Publish() }()
	time.Sleep(50 * time.Millisecond)
	go func() { published <- files[1].Publish() }()
	fail(files[0], store)
	first, second := <-published, <-published
	if (first == nil) == (second == nil) {
		t.Errorf("published with %v and %v, want one failure", first, second)
	}
	for _, f := range files {
		_ = f.Release()
	}
	if err := engine.Close(); err != nil {
		t.Error(err)
	}
}
