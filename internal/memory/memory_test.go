package memory

import (
	"math/rand/v2"
	"os"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestTheBudgetIsALimit(t *testing.T) {
	p, err := New(3*BlockSize + 5)
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := p.TryGet(), p.TryGet(), p.TryGet()
	if a == nil || b == nil || c == nil || p.TryGet() != nil {
		t.Fatal("a budget of three blocks and a bit must give three blocks")
	}
	if p.Used() != 3*BlockSize || p.Size() != 3*BlockSize {
		t.Errorf("used %d of %d", p.Used(), p.Size())
	}
	changed := p.Changed()
	p.Put(b)
	<-changed
	if got := p.TryGet(); &got[0] != &b[0] {
		t.Error("the block given back last must be reused first")
	}
	p.Put(a, b, c)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestTrimmedBlocksAreReusedAndEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := New(BlockSize)
		if err != nil {
			t.Fatal(err)
		}
		b := p.TryGet()
		b[0], b[BlockSize-1] = 1, 1
		if err := p.Close(); err == nil {
			t.Error("closing with a block in use must fail")
		}
		p.Put(b)
		time.Sleep(2*idleTime + time.Second)
		b = p.TryGet()
		if b == nil || b[0] != 0 || b[BlockSize-1] != 0 {
			t.Error("a trimmed block must be usable again and its pages gone")
		}
		p.Put(b)
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestTooSmallABudgetIsRefused(t *testing.T) {
	if _, err := New(BlockSize - 1); err == nil {
		t.Error("less than a block was taken")
	}
}

// TestIdleMemoryIsGivenBack also while other blocks are in use, whatever the
// order in which it came.
func TestIdleMemoryIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, blocks := allUsed(t, 160<<20)
		rand.Shuffle(len(blocks), func(i, j int) { blocks[i], blocks[j] = blocks[j], blocks[i] })
		kept, idle := blocks[:100], blocks[100:]
		p.Put(idle...)
		time.Sleep(2*idleTime + time.Second)
		// Without huge pages a page of each block was touched.
		if got, most := resident(t, p.arena), len(kept)*BlockSize; got > most {
			t.Errorf("%d bytes are still resident, %d are in use", got, most)
		}
		for _, b := range kept {
			if b[0] != 1 {
				t.Fatal("a block in use was trimmed")
			}
		}
		p.Put(kept...)
		time.Sleep(2*idleTime + time.Second)
		synctest.Wait()
		if got := resident(t, p.arena); got != 0 || p.timer != nil {
			t.Errorf("%d bytes are still resident, timer %v", got, p.timer)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestWhatIsUsedAgainStaysWarm: a program that needs ten blocks again and again
// does not pay for their pages each time; those it does not need go.
func TestWhatIsUsedAgainStaysWarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, blocks := allUsed(t, 64<<20)
		p.Put(blocks...)
		for range 30 {
			var some []Block
			for range 10 {
				some = append(some, p.TryGet())
			}
			time.Sleep(idleTime / 5)
			p.Put(some...)
		}
		synctest.Wait()
		if len(p.idle) != 10 || len(p.trimmed) != len(blocks)-10 {
			t.Errorf("%d blocks are warm, %d were given back", len(p.idle), len(p.trimmed))
		}
		for range 10 {
			p.TryGet()
		}
		last := -1
		for b := p.TryGet(); b != nil; b = p.TryGet() {
			if p.offset(b) <= last {
				t.Fatal("of the blocks given back the lowest is not the next")
			}
			last = p.offset(b)
		}
	})
}

// allUsed is a pool whose blocks were all touched.
func allUsed(t *testing.T, size int64) (*Pool, []Block) {
	p, err := New(size)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []Block
	for b := p.TryGet(); b != nil; b = p.TryGet() {
		b[0] = 1
		blocks = append(blocks, b)
	}
	if got := resident(t, p.arena); got < len(blocks)*os.Getpagesize() {
		t.Fatalf("%d bytes are resident of %d blocks that were used", got, len(blocks))
	}
	return p, blocks
}

// resident tells how many bytes of memory are in physical memory, by mincore(2).
func resident(t *testing.T, arena []byte) (bytes int) {
	t.Helper()
	pages := make([]byte, len(arena)/os.Getpagesize())
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&arena[0])), uintptr(len(arena)), uintptr(unsafe.Pointer(&pages[0])))
	if errno != 0 {
		t.Fatal(errno)
	}
	for _, p := range pages {
		bytes += int(p&1) * os.Getpagesize()
	}
	return bytes
}
