package writer_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/s3fake"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
	"github.com/s3mpfs/s3mpfs/writer"
)

const miB = 1 << 20

// open makes a bucket with Amazon's limits and an engine on it.
func open(t *testing.T, o writer.Options) (*s3fake.Store, *writer.Engine) {
	t.Helper()
	store := s3fake.New(s3fake.Options{Checksum: writer.CRC64NVME})
	engine, err := writer.New(store, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
		if left := store.Uploads(); len(left) > 0 {
			t.Errorf("uploads left behind: %v", left)
		}
	})
	return store, engine
}

func write(t *testing.T, f *writer.File, p []byte, off int64) {
	t.Helper()
	if n, err := f.WriteAt(p, off); err != nil || n != len(p) {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(p), err)
	}
}

func closeFile(t *testing.T, f *writer.File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// requests compares what S3 was asked with want.
func requests(t *testing.T, store *s3fake.Store, want map[string]int) {
	t.Helper()
	if got := store.Counts().Requests; !maps.Equal(got, want) {
		t.Errorf("requests: %v, want %v", got, want)
	}
}

func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i * 2654435761 >> 7)
	}
	return p
}

func TestSequentialFileCostsOneCreateItsPartsAndOneComplete(t *testing.T) {
	for _, row := range []struct {
		size, puts, parts int
	}{
		{0, 1, 0}, {1, 1, 0}, {5*miB - 1, 1, 0}, {10*miB - 1, 1, 0},
		{10 * miB, 0, 1}, {10*miB + 1, 0, 2}, {30 * miB, 0, 3}, {30*miB + 1, 0, 4},
	} {
		store, engine := open(t, writer.Options{})
		f, want := engine.Create("key", writer.FileOptions{}), pattern(row.size)
		for off := 0; off < row.size; off += 128 << 10 {
			write(t, f, want[off:min(off+128<<10, row.size)], int64(off))
		}
		closeFile(t, f)
		if got, _ := store.Bytes("key"); !bytes.Equal(got, want) {
			t.Errorf("%d bytes: the object differs", row.size)
		}
		expected := map[string]int{s3op.PutObject: 1}
		if row.puts == 0 {
			expected = map[string]int{s3op.CreateMultipartUpload: 1, s3op.UploadPart: row.parts, s3op.CompleteMultipartUpload: 1}
		}
		requests(t, store, expected)
	}
}

func TestPatchedHeaderCostsOnePartMore(t *testing.T) {
	store, engine := open(t, writer.Options{})
	f, want := engine.Create("movie.mp4", writer.FileOptions{}), pattern(45*miB)
	write(t, f, want, 0)
	copy(want[36:], "mdat")
	write(t, f, []byte("mdat"), 36)
	closeFile(t, f)
	if got, _ := store.Bytes("movie.mp4"); !bytes.Equal(got, want) {
		t.Error("the object differs")
	}
	requests(t, store, map[string]int{s3op.CreateMultipartUpload: 1, s3op.UploadPart: 6, s3op.CompleteMultipartUpload: 1})
}

func TestOneByteEditOfALargeObject(t *testing.T) {
	store, engine := open(t, writer.Options{})
	content := pattern(200 * miB)
	base := store.Set("key", content, writer.Attributes{})
	f := engine.Open(base, writer.FileOptions{})
	write(t, f, []byte{^content[100*miB]}, 100*miB)
	closeFile(t, f)
	content[100*miB] = ^content[100*miB]
	if got, _ := store.Bytes("key"); !bytes.Equal(got, content) {
		t.Error("the object differs")
	}
	counts := store.Counts()
	if counts.Total() > 6 || counts.Uploaded > 2*10*miB || counts.Downloaded > 2*10*miB {
		t.Errorf("it took %d requests, %d bytes up, %d down", counts.Total(), counts.Uploaded, counts.Downloaded)
	}
}

func TestAppendToALargeObjectSendsTheNewBytesOnly(t *testing.T) {
	store, engine := open(t, writer.Options{})
	want := append(pattern(100*miB), "one line\n"...)
	f := engine.Open(store.Set("log", want[:100*miB], writer.Attributes{}), writer.FileOptions{})
	if off, n, err := f.Append([]byte("one line\n")); off != 100*miB || n != 9 || err != nil {
		t.Fatal(off, n, err)
	}
	closeFile(t, f)
	if got, _ := store.Bytes("log"); !bytes.Equal(got, want) {
		t.Error("the object differs")
	}
	if c := store.Counts(); c.Uploaded != 9 || c.Downloaded != 0 {
		t.Errorf("%d bytes up, %d down", c.Uploaded, c.Downloaded)
	}
}

func TestCopyOfAnObjectMovesNoBytes(t *testing.T) {
	store, engine := open(t, writer.Options{})
	src := store.Set("from", pattern(64*miB), writer.Attributes{})
	f := engine.Create("to", writer.FileOptions{})
	if err := f.CopyFrom(src, 0, 0, src.Size); err != nil {
		t.Fatal(err)
	}
	closeFile(t, f)
	requests(t, store, map[string]int{s3op.CopyObject: 1})
	if c := store.Counts(); c.Uploaded+c.Downloaded != 0 {
		t.Errorf("%d bytes up, %d down", c.Uploaded, c.Downloaded)
	}
}

func TestNothingWrittenNothingPublished(t *testing.T) {
	store, engine := open(t, writer.Options{})
	f := engine.Open(store.Set("key", []byte("old"), writer.Attributes{}), writer.FileOptions{})
	if f.Dirty() {
		t.Error("an object that was only opened is dirty")
	}
	closeFile(t, f)
	requests(t, store, map[string]int{})
}

func TestAnotherWriterComesFirst(t *testing.T) {
	for _, size := range []int{100, 20 * miB} {
		store, engine := open(t, writer.Options{})
		f := engine.Open(store.Set("key", pattern(size), writer.Attributes{}), writer.FileOptions{})
		write(t, f, []byte("ours"), 0)
		theirs := store.Set("key", []byte("theirs"), writer.Attributes{})
		if err := f.Close(); !errors.Is(err, writer.ErrStale) {
			t.Errorf("%d bytes: closed with %v, want ErrStale", size, err)
		}
		if now, _ := store.Object("key"); now.ETag != theirs.ETag {
			t.Errorf("%d bytes: the other writer's object was replaced", size)
		}
		for _, u := range store.Uploads() { // parked
			if err := store.AbortMultipartUpload(t.Context(), u); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestWhatWasWrittenIsParkedWhenAnotherWriterCameFirst(t *testing.T) {
	store, engine := open(t, writer.Options{})
	f := engine.Open(store.Set("key", []byte("old content"), writer.Attributes{}), writer.FileOptions{})
	write(t, f, []byte("new"), 0)
	store.Set("key", []byte("theirs"), writer.Attributes{})
	if err := f.Close(); !errors.Is(err, writer.ErrStale) {
		t.Fatal(err)
	}
	parked := store.Uploads()
	if len(parked) != 1 {
		t.Fatalf("%d uploads are parked, want 1", len(parked))
	}
	parts := store.Parts(parked[0].ID)
	if _, err := store.CompleteMultipartUpload(t.Context(), parked[0], parts, writer.Completion{Size: 11}); err != nil {
		t.Fatal(err)
	}
	if got, _ := store.Bytes("key"); string(got) != "new content" {
		t.Errorf("the parked upload holds %q", got)
	}
}

func TestExclusiveCreateHasOneWinner(t *testing.T) {
	for _, size := range []int{0, 12 * miB} {
		store, engine := open(t, writer.Options{})
		var wins, losses int
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 4 {
			f := engine.Create("lock", writer.FileOptions{Exclusive: true})
			write(t, f, make([]byte, size), 0)
			all.Go(func() {
				err := f.Close()
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					wins++
				} else if errors.Is(err, writer.ErrExists) {
					losses++
				}
			})
		}
		all.Wait()
		if wins != 1 || losses != 3 {
			t.Errorf("%d bytes: %d wins and %d losses", size, wins, losses)
		}
		_ = store
	}
}

func TestDiscardLeavesNothing(t *testing.T) {
	store, engine := open(t, writer.Options{})
	f := engine.Create("key", writer.FileOptions{})
	write(t, f, pattern(35*miB), 0)
	if err := f.Discard(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("x"), 0); !errors.Is(err, writer.ErrDiscarded) {
		t.Errorf("write after discard: %v", err)
	}
	if err := f.Release(); !errors.Is(err, writer.ErrDiscarded) {
		t.Errorf("release: %v", err)
	}
	if keys := store.Keys(); len(keys) != 0 {
		t.Errorf("objects: %v", keys)
	}
}

func TestParkLeavesAnUploadThatCanBeCompleted(t *testing.T) {
	store, engine := open(t, writer.Options{})
	want := pattern(25*miB + 3)
	f := engine.Create("key", writer.FileOptions{})
	write(t, f, want, 0)
	if err := f.Park(); err != nil {
		t.Fatal(err)
	}
	_ = f.Release()
	parked := store.Uploads()
	if len(parked) != 1 {
		t.Fatalf("%d uploads are parked, want 1", len(parked))
	}
	if _, err := store.CompleteMultipartUpload(t.Context(), parked[0], store.Parts(parked[0].ID), writer.Completion{Size: int64(len(want))}); err != nil {
		t.Fatal(err)
	}
	if got, _ := store.Bytes("key"); !bytes.Equal(got, want) {
		t.Error("the parked parts are not what was written")
	}
}

// TestDrainSendsWhatCanBeAPart: what is long enough for a part is sent before
// the part is full, the rest stays in memory, and nothing is published.
func TestDrainSendsWhatCanBeAPart(t *testing.T) {
	store, engine := open(t, writer.Options{})
	f, want := engine.Create("key", writer.FileOptions{}), pattern(24*miB)
	drain := func() {
		t.Helper()
		if err := f.Drain(); err != nil {
			t.Fatal(err)
		}
	}
	write(t, f, want[:miB], 0)
	drain()
	requests(t, store, map[string]int{})
	write(t, f, want[miB:7*miB], miB)
	drain()
	requests(t, store, map[string]int{s3op.CreateMultipartUpload: 1, s3op.UploadPart: 1})
	write(t, f, want[7*miB:], 7*miB)
	write(t, f, want[:miB], 0)
	drain() // 7 to 17, the rest, and the first again
	requests(t, store, map[string]int{s3op.CreateMultipartUpload: 1, s3op.UploadPart: 4})
	if keys := store.Keys(); len(keys) > 0 {
		t.Errorf("published: %v", keys)
	}
	closeFile(t, f)
	if got, _ := store.Bytes("key"); !bytes.Equal(got, want) {
		t.Error("the object is not what was written")
	}
}

func TestAtomicRefusesWhatNeedsAPublish(t *testing.T) {
	store, engine := open(t, writer.Options{Atomic: true})
	f, want := engine.Create("key", writer.FileOptions{}), pattern(100*miB)
	write(t, f, want, 0)
	if err := f.Drain(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadAt(make([]byte, 10), 20*miB); !errors.Is(err, writer.ErrAtomic) {
		t.Errorf("read of a part sent: %v, want ErrAtomic", err)
	}
	if _, err := f.WriteAt([]byte("x"), 20*miB); !errors.Is(err, writer.ErrAtomic) {
		t.Errorf("write into a part sent: %v, want ErrAtomic", err)
	}
	if keys := store.Keys(); len(keys) != 0 {
		t.Errorf("published before close: %v", keys)
	}
	closeFile(t, f)
	if got, _ := store.Bytes("key"); !bytes.Equal(got, want) {
		t.Error("the refused write did harm")
	}
}

// TestFoldKeepsLaterChanges: where part numbers run out, the file is published
// in steps, and the changes that a step leaves out are kept.
func TestFoldKeepsLaterChanges(t *testing.T) {
	limits := writer.Limits{MaxParts: 5, MinPart: 64, MaxPart: 8192, MaxCopy: 8192, MinCopySource: 64, MaxObject: 20_000}
	store := s3fake.New(s3fake.Options{Limits: limits, Checksum: writer.CRC64NVME})
	engine, err := writer.New(store, writer.Options{PartSize: 128, BlockSize: 64, Memory: 512, MaxHole: 3000, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	f, want := engine.Create("key", writer.FileOptions{}), pattern(1400)
	write(t, f, want[700:], 700)
	write(t, f, want[:700], 0)
	got := make([]byte, len(want))
	if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read back: %v, equal %v", err, bytes.Equal(got, want))
	}
	closeFile(t, f)
	if got, _ := store.Bytes("key"); !bytes.Equal(got, want) {
		t.Error("the object is not what was written")
	}
	if err := engine.Close(); err != nil {
		t.Error(err)
	}
}

func TestLimitsAreErrors(t *testing.T) {
	_, engine := open(t, writer.Options{MaxHole: 100})
	f := engine.Create("key", writer.FileOptions{})
	defer func() { _ = f.Release() }()
	if _, err := f.WriteAt([]byte("x"), 101); !errors.Is(err, writer.ErrHole) {
		t.Errorf("a hole of 101 bytes: %v", err)
	}
	if err := f.Truncate(101); !errors.Is(err, writer.ErrHole) {
		t.Errorf("a truncate to 101 bytes: %v", err)
	}
	if _, err := f.WriteAt([]byte("x"), engine.MaxFileSize()); !errors.Is(err, writer.ErrTooBig) {
		t.Errorf("a write at the largest size: %v", err)
	}
	if _, err := f.WriteAt([]byte("x"), -1); err == nil {
		t.Error("a negative offset was taken")
	}
	write(t, f, []byte("x"), 100)
	if _, err := f.ReadAt(make([]byte, 1), 101); err != io.EOF {
		t.Errorf("read at the end: %v", err)
	}
}

// TestManySlowWriters has a thousand files open at once in memory for a
// fraction of them.
func TestManySlowWriters(t *testing.T) {
	store, engine := open(t, writer.Options{Memory: 64 * miB})
	const files, rounds, chunk = 1000, 20, 10_000
	want := pattern(files * rounds)
	var all sync.WaitGroup
	for i := range files {
		f := engine.Create(strconv.Itoa(i), writer.FileOptions{})
		all.Go(func() {
			for r := range rounds {
				p := bytes.Repeat(want[i*rounds+r:i*rounds+r+1], chunk)
				if _, err := f.WriteAt(p, int64(r)*chunk); err != nil {
					t.Error(err)
				}
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
			got, ok := store.Bytes(f.Key())
			if !ok || len(got) != rounds*chunk {
				t.Errorf("file %d has %d bytes", i, len(got))
				return
			}
			for r := range rounds {
				if !bytes.Equal(got[r*chunk:(r+1)*chunk], bytes.Repeat(want[i*rounds+r:i*rounds+r+1], chunk)) {
					t.Errorf("file %d differs in round %d", i, r)
					return
				}
			}
		})
	}
	all.Wait()
}

// TestAProgramRunsAheadOfTheWireByAFewParts, however much memory there is; a
// second file still has parts of its own in the queue, and a failure ends the
// wait.
func TestAProgramRunsAheadOfTheWireByAFewParts(t *testing.T) {
	for _, fail := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			const slots, waiting, parts = 4, 2, 40
			store, engine := open(t, writer.Options{PartSize: 5 * miB, Memory: 512 * miB, Concurrency: slots})
			wire := make(chan struct{})
			store.Inject(func(c s3fake.Call) s3fake.Fault {
				if c.Op == s3op.UploadPart {
					<-wire
					if fail {
						return s3fake.Fault{Class: writer.ErrAccess}
					}
				}
				return s3fake.Fault{}
			})
			before := engine.Memory().Used()
			var programs sync.WaitGroup
			run := func(key string) {
				programs.Go(func() {
					f := engine.Create(key, writer.FileOptions{})
					p := pattern(5 * miB)
					var err error
					for i := range int64(parts) {
						if _, werr := f.WriteAt(p, i*int64(len(p))); werr != nil {
							err = werr
						}
					}
					if err = errors.Join(err, f.Close()); (err != nil) != fail {
						t.Errorf("%s: %v", key, err)
					}
				})
				synctest.Wait()
			}
			run("one")
			if used := engine.Memory().Used() - before; used > (slots+waiting)*5*miB {
				t.Errorf("%d bytes are held with %d parts in flight", used, slots)
			}
			run("two")
			if used := engine.Memory().Used() - before; used > (slots+waiting+2)*5*miB {
				t.Errorf("%d bytes are held of two files with %d parts in flight", used, slots)
			}
			close(wire)
			programs.Wait()
		})
	}
}

// TestPartsInFlightLandBeforeTheAbort: a part that S3 is still taking when its
// upload is given up must not be left behind.
func TestPartsInFlightLandBeforeTheAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, slow := range []time.Duration{time.Second, time.Minute} {
			store, engine := open(t, writer.Options{})
			var aborts, under atomic.Int32
			store.Inject(func(c s3fake.Call) s3fake.Fault {
				switch c.Op {
				case s3op.UploadPart:
					under.Add(1)
					time.Sleep(slow)
					under.Add(-1)
				case s3op.AbortMultipartUpload:
					if aborts.Add(1); slow == time.Second && under.Load() > 0 {
						t.Error("aborted with a part in flight")
					}
				}
				return s3fake.Fault{}
			})
			f := engine.Create("key", writer.FileOptions{})
			write(t, f, pattern(25*miB), 0)
			synctest.Wait()
			if err := f.Truncate(0); err != nil {
				t.Fatal(err)
			}
			write(t, f, []byte("new"), 0)
			closeFile(t, f)
			if got, _ := store.Bytes("key"); string(got) != "new" {
				t.Errorf("the object is %q", got)
			}
			time.Sleep(time.Hour) // of the bubble's time: all that goes on behind has ended
			if n := aborts.Load(); slow == time.Minute && n != 2 {
				t.Errorf("%d aborts of an upload whose parts were cut off, want 2", n)
			}
		}
	})
}

// TestPublishedFilesGiveTheirMemoryUp: many files that end within a block are
// published for their memory, and then it must be had again, at once.
func TestPublishedFilesGiveTheirMemoryUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, engine := open(t, writer.Options{Memory: 40 * miB})
		var files []*writer.File
		for i := range 600 {
			files = append(files, engine.Create(fmt.Sprint("key", i), writer.FileOptions{}))
		}
		start := time.Now()
		for range 2 {
			for _, f := range files {
				if _, _, err := f.Append(pattern(50_000)); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, f := range files {
			closeFile(t, f)
			if got, _ := store.Bytes(f.Key()); len(got) != 100_000 {
				t.Errorf("%s has %d bytes", f.Key(), len(got))
			}
		}
		// The bubble's time passes only while everybody waits.
		if waited := time.Since(start); waited > 0 {
			t.Errorf("writers waited %v for memory that was there", waited)
		}
		if n := store.Counts().Requests[s3op.PutObject]; n > 1200 {
			t.Errorf("%d objects were put for 600 files", n)
		}
	})
}

// TestAtomicFailsAtOnceWhenMemoryIsFull: half-filled files that may not be
// published can give nothing back, so a further write fails, neither waiting
// nor trying for ever, and what was written before is not lost.
func TestAtomicFailsAtOnceWhenMemoryIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, engine := open(t, writer.Options{Atomic: true, Memory: 40 * miB})
		start := time.Now()
		p := pattern(2 * miB)
		written := map[*writer.File]int{}
		refused := 0
		for i := range 20 {
			f := engine.Create(fmt.Sprint("key", i), writer.FileOptions{})
			n, err := f.WriteAt(p, 0)
			if written[f] = n; err == nil {
				continue
			}
			if refused++; !errors.Is(err, writer.ErrAtomic) {
				t.Errorf("file %d: %v, want ErrAtomic", i, err)
			}
		}
		if waited := time.Since(start); refused == 0 || waited > 0 {
			t.Errorf("%d writes were refused, after %v", refused, waited)
		}
		if keys := store.Keys(); len(keys) > 0 {
			t.Errorf("published before close: %v", keys)
		}
		for f, n := range written {
			closeFile(t, f)
			if got, _ := store.Bytes(f.Key()); !bytes.Equal(got, p[:n]) {
				t.Errorf("%s has %d bytes, want the %d that were taken", f.Key(), len(got), n)
			}
		}
	})
}
