package readahead

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/memory"
	"github.com/s3mpfs/s3mpfs/writer"
	"go.uber.org/goleak"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source serves an object whose content follows from the offset, after a
// latency, at a bandwidth for each connection, and counts.
type source struct {
	latency   time.Duration
	perSecond int64 // bytes a second of one connection; 0 is no limit
	fail      func(off, n int64) error

	mu       sync.Mutex
	requests []request
	now, max int // requests under way
}

type request struct{ off, n int64 }

func (s *source) ReadRange(ctx context.Context, _ writer.Object, off int64, p ...[]byte) error {
	var n int64
	for _, b := range p {
		n += int64(len(b))
	}
	s.begin(request{off, n})
	defer s.end()
	delay := s.latency
	if s.perSecond > 0 {
		delay += time.Duration(float64(n) / float64(s.perSecond) * float64(time.Second))
	}
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.fail != nil {
		if err := s.fail(off, n); err != nil {
			return err
		}
	}
	for _, b := range p {
		content(b, off)
		off += int64(len(b))
	}
	return nil
}

func (s *source) begin(r request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	s.now++
	s.max = max(s.max, s.now)
}

func (s *source) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now--
}

func (s *source) sent() (requests []request, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		bytes += r.n
	}
	return slices.Clone(s.requests), bytes
}

// pattern repeats in the object; its length is no multiple of anything.
var pattern = func() []byte {
	p := make([]byte, mib+4099)
	rand.NewChaCha8([32]byte{}).Read(p)
	return p
}()

// content fills p with what the object holds from off on.
func content(p []byte, off int64) {
	for n := 0; n < len(p); {
		n += copy(p[n:], pattern[(off+int64(n))%int64(len(pattern)):])
	}
}

type fixture struct {
	*testing.T
	*Reader
	src  *source
	pool *memory.Pool
}

// run runs test in a synctest bubble with a reader of an object of size bytes
// and a budget of mem bytes, and asserts afterwards that Close gives all back.
func run(t *testing.T, src *source, size, mem int64, test func(f fixture)) {
	synctest.Test(t, func(t *testing.T) {
		pool, err := memory.New(mem)
		if err != nil {
			t.Fatal(err)
		}
		r := New(src, pool, writer.Object{Key: "k", ETag: `"e"`, Size: size}, Options{})
		test(fixture{t, r, src, pool})
		r.Close()
		if err := pool.Close(); err != nil {
			t.Error("after Close:", err)
		}
	})
}

// read reads n bytes at off and checks them.
func (f fixture) read(off, n int64) error {
	f.Helper()
	got, want := make([]byte, n), make([]byte, n)
	m, err := f.ReadAt(got, off)
	content(want, off)
	if !bytes.Equal(got[:m], want[:m]) {
		f.Errorf("wrong bytes in [%d, %d)", off, off+int64(m))
	}
	if err == nil && int64(m) != n {
		f.Errorf("read at %d: %d of %d bytes and no error", off, m, n)
	}
	return err
}

// pass reads [off, end) in steps of n bytes.
func (f fixture) pass(off, end, n int64) {
	f.Helper()
	for ; off < end; off += n {
		if err := f.read(off, min(n, end-off)); err != nil {
			f.Errorf("read at %d: %v", off, err)
		}
	}
}

func (f fixture) wantRequests(want ...request) {
	f.Helper()
	if got, _ := f.src.sent(); !slices.Equal(got, want) {
		f.Errorf("requests %v, want %v", got, want)
	}
}

func TestLoneReadsFetchWhatTheyAskFor(t *testing.T) {
	for name, offsets := range map[string][]int64{
		"random":   {77 * mib, 3 * mib, 3*mib + 64*kib, 50*mib + 4096, 0, 99 * mib},
		"strided":  {0, 64 * kib, 128 * kib, 192 * kib, 256 * kib},
		"backward": {5 * mib, 5*mib - 4096, 5*mib - 8192},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, &source{latency: time.Millisecond}, 100*mib, 512*mib, func(f fixture) {
				var want []request
				for _, off := range offsets {
					f.read(off, 4096)
					want = append(want, request{off, 4096})
				}
				f.wantRequests(want...)
				if f.pool.Used() != 0 {
					t.Errorf("%d bytes of the budget are used", f.pool.Used())
				}
			})
		})
	}
}

func TestAStreamReachesTheWire(t *testing.T) {
	const size, latency = 8 << 30, 25 * time.Millisecond
	src := &source{latency: latency, perSecond: 90e6}
	run(t, src, size, 1<<30, func(f fixture) {
		start, p := time.Now(), make([]byte, 128*kib)
		for off := int64(0); off < size; off += int64(len(p)) {
			if _, err := f.ReadAt(p, off); err != nil {
				t.Fatal(err)
			}
		}
		took := time.Since(start)
		fetch := latency + time.Duration(maxFetch/90)*time.Microsecond
		plain := fetch * size / (defaultMaxWindow - maxFetch)
		if took > plain*11/10 {
			t.Errorf("took %v; a plain parallel ranged GET takes %v", took, plain)
		}
		requests, bytes := src.sent()
		if bytes != size {
			t.Errorf("fetched %d bytes, want each once, %d", bytes, int64(size))
		}
		if most := size/maxFetch + 150; len(requests) > most {
			t.Errorf("%d requests, want at most %d", len(requests), most)
		}
		if src.max > defaultMaxWindow/maxFetch+fetchesPerWindow { // smaller ones while it grew
			t.Errorf("%d requests at the same time", src.max)
		}
	})
}

func TestTheWindowGrowsOnlyForWhoWaits(t *testing.T) {
	run(t, &source{latency: 10 * time.Millisecond}, 64*mib, 512*mib, func(f fixture) {
		for off := int64(0); off < 32*mib; off += 128 * kib {
			time.Sleep(20 * time.Millisecond) // a slow consumer, a video player
			f.read(off, 128*kib)
			if most := int64(reorder + 3*mib); f.pool.Used() > most {
				t.Fatalf("at %d: %d bytes held for a reader that never waits", off, f.pool.Used())
			}
		}
		if _, bytes := f.src.sent(); bytes > 35*mib {
			t.Errorf("%d bytes fetched for 32 MiB", bytes)
		}
	})
}

func TestAShortPassWastesLittle(t *testing.T) {
	run(t, &source{latency: time.Millisecond}, 64*mib, 512*mib, func(f fixture) {
		f.pass(0, 256*kib, 128*kib)
		f.wantRequests(request{0, 128 * kib}, request{128 * kib, mib})
	})
}

func TestTheKernelsReadsComeInAnyOrder(t *testing.T) {
	run(t, &source{latency: time.Millisecond}, 32*mib, 512*mib, func(f fixture) {
		f.pass(0, 256*kib, 128*kib)
		for base := int64(256 * kib); base < 32*mib; base += mib {
			end := min(base+mib, 32*mib)
			for off := end - 128*kib; off >= base; off -= 128 * kib {
				f.read(off, 128*kib)
			}
		}
		if _, bytes := f.src.sent(); bytes != 32*mib {
			t.Errorf("%d bytes fetched, want each once", bytes)
		}
	})
}

// TestAStreamThatBeginsOutOfOrder: the kernel's second read ahead may come before
// the first, and what it asks for is not fetched again.
func TestAStreamThatBeginsOutOfOrder(t *testing.T) {
	run(t, &source{latency: time.Millisecond}, 4*mib, 512*mib, func(f fixture) {
		f.read(0, mib)
		var both sync.WaitGroup
		for _, off := range []int64{2 * mib, mib} {
			both.Go(func() { f.read(off, mib) })
			synctest.Wait()
		}
		both.Wait()
		f.read(3*mib, mib)
		if requests, bytes := f.src.sent(); bytes != 4*mib {
			t.Errorf("%d bytes fetched by %v", bytes, requests)
		}
		if f.pool.Used() > 4*mib {
			t.Errorf("%d bytes held", f.pool.Used())
		}
	})
}

func TestLoneLargeReadsKeepNothing(t *testing.T) {
	run(t, &source{latency: time.Millisecond}, 64*mib, 512*mib, func(f fixture) {
		for _, off := range []int64{60 * mib, 7 * mib, 33 * mib, 21 * mib} {
			f.read(off, mib)
			if f.pool.Used() != 0 {
				t.Errorf("%d bytes held after a read at %d", f.pool.Used(), off)
			}
		}
		if requests, bytes := f.src.sent(); len(requests) != 4 || bytes != 4*mib {
			t.Errorf("%d bytes fetched by %v", bytes, requests)
		}
	})
}

// TestTheWindowGrowsSoon: while it grows a stream waits one round trip at a
// time, so it must not take many until the line is full.
func TestTheWindowGrowsSoon(t *testing.T) {
	const latency = 25 * time.Millisecond
	run(t, &source{latency: latency}, 1<<30, 1<<30, func(f fixture) {
		begun := time.Now()
		f.pass(0, 256*mib, 128*kib)
		if waits := time.Since(begun) / latency; waits > 16 {
			t.Errorf("256 MiB took %d round trips", waits)
		}
	})
}

// TestAStreamThatEndsWastesInProportion to what it read, wherever it ends and
// however often it had to wait.
func TestAStreamThatEndsWastesInProportion(t *testing.T) {
	for _, read := range []int64{mib, 3 * mib, 10 * mib, 40 * mib} {
		run(t, &source{latency: 25 * time.Millisecond, perSecond: 10e6}, 1<<30, 1<<30, func(f fixture) {
			f.pass(0, read, 128*kib)
			if _, bytes := f.src.sent(); bytes > (1+growth)*read+minFetch {
				t.Errorf("%d bytes fetched for %d", bytes, read)
			}
		})
	}
}

// TestTwoStreamsHaveTwoWindows: each fetches in large requests, and nothing
// twice. How far ahead they are depends on which of them had to wait.
func TestTwoStreamsHaveTwoWindows(t *testing.T) {
	run(t, &source{latency: time.Millisecond}, 256*mib, 512*mib, func(f fixture) {
		for off := int64(0); off < 32*mib; off += 128 * kib {
			f.read(off, 128*kib)
			f.read(128*mib+off, 128*kib)
		}
		requests, bytes := f.src.sent()
		slices.SortFunc(requests, func(a, b request) int { return cmp.Compare(a.off, b.off) })
		for i := 1; i < len(requests); i++ {
			if last := requests[i-1]; last.off+last.n > requests[i].off {
				t.Errorf("%v and %v overlap", last, requests[i])
			}
		}
		if int64(len(requests)) > bytes/minFetch+4 || bytes > 2*(1+growth)*32*mib {
			t.Errorf("%d requests of %d bytes for two streams of 32 MiB", len(requests), bytes)
		}
	})
}

func TestReadersShareWhatIsFetched(t *testing.T) {
	run(t, &source{latency: time.Millisecond}, 64*mib, 512*mib, func(f fixture) {
		const behind = 512 * kib
		f.pass(0, behind, 128*kib)
		for off := int64(behind); off < 64*mib; off += 128 * kib {
			f.read(off, 128*kib)
			f.read(off-behind, 128*kib)
		}
		if _, bytes := f.src.sent(); bytes != 64*mib+128*kib {
			t.Errorf("%d bytes fetched, want each once, and the first read again", bytes)
		}
	})
}

func TestMemoryIsGivenBack(t *testing.T) {
	held := func(f fixture) int64 {
		synctest.Wait()
		return f.pool.Used()
	}
	grown := func(f fixture) {
		f.pass(0, 64*mib, 128*kib)
		if held(f) < 16*mib {
			f.Fatalf("only %d bytes ahead", held(f))
		}
	}
	t.Run("when a stream begins elsewhere", func(t *testing.T) {
		run(t, &source{latency: time.Millisecond}, 1<<30, 512*mib, func(f fixture) {
			grown(f)
			f.pass(512*mib, 512*mib+256*kib, 128*kib)
			if most := int64(2*maxFetch + 4*mib); held(f) > most {
				t.Errorf("%d bytes held after the seek, want at most %d", held(f), most)
			}
		})
	})
	t.Run("when idle", func(t *testing.T) {
		run(t, &source{latency: time.Millisecond}, 1<<30, 512*mib, func(f fixture) {
			grown(f)
			time.Sleep(2 * idleTime)
			if held(f) != 0 {
				t.Errorf("%d bytes held", held(f))
			}
		})
	})
	t.Run("when asked to", func(t *testing.T) {
		run(t, &source{latency: time.Millisecond}, 1<<30, 512*mib, func(f fixture) {
			grown(f)
			f.Shed()
			if held(f) != 0 {
				t.Errorf("%d bytes held", held(f))
			}
			f.pass(64*mib, 80*mib, 128*kib)
		})
	})
}

func TestWithoutMemoryAStreamReadsDirectly(t *testing.T) {
	run(t, &source{latency: time.Millisecond}, 4*mib, memory.BlockSize, func(f fixture) {
		f.pass(0, 4*mib, 128*kib)
		if requests, bytes := f.src.sent(); len(requests) != 32 || bytes != 4*mib {
			t.Errorf("%d requests of %d bytes", len(requests), bytes)
		}
	})
}

func TestAShareOfTheBudgetIsLeftToWriters(t *testing.T) {
	run(t, &source{latency: time.Millisecond, perSecond: 50e6}, 256*mib, 64*mib, func(f fixture) {
		for off := int64(0); off < 256*mib; off += mib {
			f.read(off, mib)
			if f.pool.Used() > 48*mib {
				t.Fatalf("%d of %d bytes used", f.pool.Used(), f.pool.Size())
			}
		}
	})
}

func TestAFailureConcernsOnlyTheReadsThatNeedIt(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	cause := &writer.StoreError{Op: "get object", Class: writer.ErrPrecondition}
	src := &source{latency: time.Millisecond, fail: func(off, n int64) error {
		if broken.Load() && off <= 20*mib && 20*mib < off+n {
			return cause
		}
		return nil
	}}
	run(t, src, 64*mib, 512*mib, func(f fixture) {
		var off int64
		var err error
		for ; err == nil && off < 64*mib; off += 128 * kib {
			err = f.read(off, 128*kib)
		}
		if !errors.Is(err, writer.ErrPrecondition) {
			t.Fatalf("error %v", err)
		}
		failed := off - 128*kib
		before, _ := src.sent()
		var tried int
		for _, r := range before {
			if r.off <= 20*mib && 20*mib < r.off+r.n {
				tried++
			}
		}
		if tried > 2 {
			t.Errorf("%d requests for a range that cannot be had", tried)
		}
		broken.Store(false)
		f.pass(failed, 64*mib, 128*kib)
		if _, bytes := src.sent(); bytes > 64*mib+2*maxFetch {
			t.Errorf("%d bytes fetched for 64 MiB and one failure", bytes)
		}
	})
}

func TestTheEndOfTheObject(t *testing.T) {
	run(t, &source{}, 10, 4*mib, func(f fixture) {
		for _, c := range []struct {
			off, n int64
			err    error
		}{{0, 10, nil}, {4, 10, io.EOF}, {10, 1, io.EOF}, {11, 5, io.EOF}, {10, 0, nil}} {
			if err := f.read(c.off, c.n); err != c.err {
				t.Errorf("read of %d at %d: %v, want %v", c.n, c.off, err, c.err)
			}
		}
		if _, err := f.ReadAt(make([]byte, 1), -1); err == nil {
			t.Error("a negative offset was taken")
		}
	})
}

func TestCloseEndsWaitingReads(t *testing.T) {
	for name, first := range map[string]int64{"of a stream": 128 * kib, "direct": 5 * mib} {
		t.Run(name, func(t *testing.T) {
			run(t, &source{latency: time.Hour}, 64*mib, 512*mib, func(f fixture) {
				f.recent.add(128 * kib)
				errs := make(chan error)
				go func() { errs <- f.read(first, 128*kib) }()
				synctest.Wait()
				go f.Close()
				if err := <-errs; !errors.Is(err, os.ErrClosed) {
					t.Errorf("error %v", err)
				}
				if err := f.read(0, 1); !errors.Is(err, os.ErrClosed) {
					t.Errorf("error %v after Close", err)
				}
			})
		})
	}
}

// TestAnyMix lets several goroutines read as they like while memory is taken
// and given, sources fail, and windows are shed; what is read is right.
func TestAnyMix(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			failures := rand.New(rand.NewPCG(seed, 0))
			var mu sync.Mutex
			src := &source{latency: time.Millisecond, perSecond: 1e9, fail: func(int64, int64) error {
				mu.Lock()
				defer mu.Unlock()
				if failures.IntN(20) == 0 {
					return writer.ErrUnavailable
				}
				return nil
			}}
			run(t, src, 40*mib+333, 24*mib, func(f fixture) {
				var all sync.WaitGroup
				for g := range uint64(4) {
					all.Go(func() { f.wander(rand.New(rand.NewPCG(seed, g+1))) })
				}
				all.Wait()
			})
		})
	}
}

func (f fixture) wander(r *rand.Rand) {
	for range 20 {
		off, n := r.Int64N(f.obj.Size), 1+r.Int64N(256*kib)
		for range 1 + r.IntN(20) {
			err := f.read(off, n)
			if err != nil && err != io.EOF && !errors.Is(err, writer.ErrUnavailable) {
				f.Errorf("read of %d at %d: %v", n, off, err)
			}
			off += n
		}
		if r.IntN(5) == 0 {
			f.Shed()
		}
	}
}
