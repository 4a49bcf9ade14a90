package memory

import (
	"math/rand/v2"
	"os"
	"testing"
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
	p.Trim()
	b = p.TryGet()
	if b == nil || b[0] != 0 || b[BlockSize-1] != 0 {
		t.Error("a trimmed block must be usable again and its pages gone")
	}
	p.Put(b)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestTooSmallABudgetIsRefused(t *testing.T) {
	if _, err := New(BlockSize - 1); err == nil {
		t.Error("less than a block was taken")
	}
}

func TestIdleMemoryIsGivenBackInAnyOrder(t *testing.T) {
	p, err := New(64 << 20)
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
	rand.Shuffle(len(blocks), func(i, j int) { blocks[i], blocks[j] = blocks[j], blocks[i] })
	p.Put(blocks...)
	p.Trim()
	if got := resident(t, p.arena); got != 0 {
		t.Errorf("%d bytes are still resident", got)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
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
