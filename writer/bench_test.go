package writer_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/s3mpfs/s3mpfs/writer"
)

// discarding is a store that takes everything at once and keeps nothing.
type discarding struct {
	writer.Store // what the benchmarks do not need
	parts        atomic.Int64
}

func (s *discarding) PutObject(_ context.Context, key string, _ writer.Attributes, body writer.Body, _ writer.Condition) (writer.Object, error) {
	return writer.Object{Key: key, ETag: `"e"`, Size: body.Size}, nil
}

func (s *discarding) CreateMultipartUpload(_ context.Context, key string, _ writer.Attributes, _ writer.Condition) (writer.Upload, error) {
	return writer.Upload{Key: key, ID: "id", Checksum: writer.CRC64NVME}, nil
}

func (s *discarding) UploadPart(_ context.Context, _ writer.Upload, number int32, body writer.Body) (writer.Part, error) {
	s.parts.Add(1)
	return writer.Part{Number: number, ETag: `"e"`, Size: body.Size, Checksum: body.Checksum}, nil
}

func (s *discarding) CompleteMultipartUpload(_ context.Context, u writer.Upload, _ []writer.Part, c writer.Completion) (writer.Object, error) {
	return writer.Object{Key: u.Key, ETag: `"e"`, Size: c.Size, Checksum: c.Checksum}, nil
}

// startDiscarding starts an engine over a store that discards.
func startDiscarding(b testing.TB, o writer.Options) (*writer.Engine, *discarding) {
	store := &discarding{}
	e, err := writer.New(store, o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := e.Close(); err != nil {
			b.Error(err)
		}
	})
	return e, store
}

// BenchmarkWrite is the engine alone: a file of 1 GiB in writes as FUSE passes
// them on, over a store that costs nothing.
func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{4 << 10, 128 << 10, 1 << 20} {
		for _, a := range []writer.Algorithm{writer.CRC64NVME, writer.None} {
			b.Run(fmt.Sprintf("%dKiB/%v", size>>10, a), func(b *testing.B) {
				e, store := startDiscarding(b, writer.Options{Checksum: a, NoChecksum: a == writer.None})
				writeFiles(b, e, store, make([]byte, size))
			})
		}
	}
}

// writeFiles writes a file an iteration and reports the allocations for each
// part.
func writeFiles(b *testing.B, e *writer.Engine, store *discarding, p []byte) {
	const file = 1 << 30
	b.SetBytes(file)
	before := mallocs()
	for b.Loop() {
		f := e.Create("key", writer.FileOptions{})
		for off := int64(0); off < file; off += int64(len(p)) {
			if _, err := f.WriteAt(p, off); err != nil {
				b.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(mallocs()-before)/float64(store.parts.Load()), "allocs/part")
}

// TestAStreamAllocatesNothingPerWrite: what a part costs beyond the blocks it
// lies in does not depend on how many writes it came in.
func TestAStreamAllocatesNothingPerWrite(t *testing.T) {
	e, store := startDiscarding(t, writer.Options{})
	for _, size := range []int{4 << 10, 128 << 10} {
		f := e.Create("key", writer.FileOptions{})
		p := make([]byte, size)
		stream := func(bytes int) {
			for range bytes / size {
				if _, err := f.Write(p); err != nil {
					t.Fatal(err)
				}
			}
		}
		stream(100 << 20) // the pools are filled
		before, parts := mallocs(), store.parts.Load()
		stream(500 << 20)
		each := float64(mallocs()-before) / float64(store.parts.Load()-parts)
		t.Logf("writes of %d bytes: %.1f allocations a part", size, each)
		if each > mostAllocs {
			t.Errorf("writes of %d bytes: %.1f allocations a part, want at most %d", size, each, mostAllocs)
		}
		closeFile(t, f)
	}
}

// mostAllocs of a part of 10 MiB, which comes in 80 writes at least.
const mostAllocs = 60

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// BenchmarkSmallFile is a file of 16 KiB from its creation to its close.
func BenchmarkSmallFile(b *testing.B) {
	e, _ := startDiscarding(b, writer.Options{})
	p := make([]byte, 16<<10)
	b.ReportAllocs()
	for b.Loop() {
		f := e.Create("key", writer.FileOptions{})
		if _, err := f.WriteAt(p, 0); err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
