// Package memory is the mount's one budget of memory for file content.
//
// The budget is an arena of address space that is reserved once, outside the
// garbage collector's heap, and cut into blocks of equal size. A block costs
// physical memory only from its first use on, and no longer once it has lain
// idle for a while: then its pages are given back to the system, also while
// other blocks are in use. Whoever holds a block owns it alone until Put.
package memory

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// BlockSize is the unit of memory in bytes. It is a FUSE read request's worth,
// small enough that a thousand slowly written files fit into 256 MiB, and large
// enough that a part of 10 MiB is a short list.
const BlockSize = 128 << 10

const (
	// idleTime is how long a block lies idle, at least, before its pages are
	// given back to the system, and twice that at most. What the next copy
	// touches for the first time again costs it a tenth of its processor time,
	// and in a virtual machine, whose host must find the memory, up to a second
	// for 512 MiB.
	idleTime = 30 * time.Second
	// trimAtOnce is how many bytes at most are given back while others wait for
	// blocks: some milliseconds' worth in pages of 4 KiB.
	trimAtOnce = 64 << 20
	// trimPause is when it goes on where that was not all.
	trimPause = 50 * time.Millisecond
)

// Block is BlockSize bytes of the arena. The zero Block is none.
type Block []byte

// Pool is a budget of blocks. All methods are safe for concurrent use.
type Pool struct {
	size  int64 // bytes of the budget
	block int   // bytes of one block

	mu      sync.Mutex  // guards what follows; never held across I/O
	arena   []byte      // nil after Close
	idle    []Block     // given back and warm, the last one used first
	cold    int         // how many of them, the first ones, nobody took since the timer was set
	fresh   int         // offset in arena of the first block never used or trimmed
	trimmed []Block     // given back to the system, usable again, the lowest one last
	timer   *time.Timer // of trim; nil while no block is idle
	used    int
	changed chan struct{} // closed by the next Put or Wake; nil while nobody waits
}

// New reserves a budget of size bytes in blocks of BlockSize, rounded down to
// whole blocks.
func New(size int64) (*Pool, error) { return NewWithBlocks(size, BlockSize) }

// NewWithBlocks is New with blocks of another size, for tests that want to
// reach every boundary with few bytes.
func NewWithBlocks(size, block int64) (*Pool, error) {
	size -= size % block
	if size < block {
		return nil, fmt.Errorf("a memory budget of %d bytes is less than one block of %d", size, block)
	}
	arena, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("reserve %d bytes of address space: %w", size, err)
	}
	// Only advice too. A stream that fills the budget touches every page of it
	// once, which in pages of 4 KiB costs a tenth of the processor time of
	// writing 2 GiB over plain http.
	_ = unix.Madvise(arena, unix.MADV_HUGEPAGE)
	return &Pool{arena: arena, size: size, block: int(block)}, nil
}

// Close gives the arena back. No block may be in use.
func (p *Pool) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used != 0 {
		return fmt.Errorf("memory: %d blocks still in use", p.used)
	}
	if p.timer != nil {
		p.timer.Stop() // one that runs already finds nothing idle
	}
	arena := p.arena
	p.arena, p.idle, p.cold, p.trimmed, p.fresh = nil, nil, 0, nil, 0
	return unix.Munmap(arena)
}

// TryGet gives a block with undefined content, or nil where the budget is used
// up.
func (p *Pool) TryGet() Block {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.take()
	if b != nil {
		p.used++
	}
	return b
}

func (p *Pool) take() Block {
	for _, list := range []*[]Block{&p.idle, &p.trimmed} {
		if n := len(*list); n > 0 {
			b := (*list)[n-1]
			*list = (*list)[:n-1]
			p.cold = min(p.cold, len(p.idle))
			return b
		}
	}
	if p.fresh+p.block > len(p.arena) {
		return nil
	}
	b := Block(p.arena[p.fresh : p.fresh+p.block : p.fresh+p.block])
	p.fresh += p.block
	return b
}

// Put gives blocks back; the caller forgets them.
func (p *Pool) Put(blocks ...Block) {
	if len(blocks) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, blocks...)
	p.used -= len(blocks)
	if p.used < 0 {
		panic("memory: a block was given back twice")
	}
	if p.timer == nil {
		p.cold, p.timer = 0, time.AfterFunc(idleTime, p.trim)
	}
	p.wake()
}

// Wake makes those who wait for memory look again, because something that holds
// blocks could now give them up.
func (p *Pool) Wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wake()
}

func (p *Pool) wake() {
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// Changed is closed by the next Put or Wake. Take it before looking whether a
// block can be had, so that nothing in between is missed.
func (p *Pool) Changed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return p.changed
}

// Used is the number of bytes that are out.
func (p *Pool) Used() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int64(p.used) * int64(p.block)
}

// Size is the budget in bytes.
func (p *Pool) Size() int64 { return p.size }

// BlockSize is the size of this pool's blocks in bytes.
func (p *Pool) BlockSize() int64 { return int64(p.block) }

// trim gives the pages of blocks that have lain idle for long back to the system.
// The block used last is taken first, so that those at the bottom, which nobody
// reached since the timer was set, are as many as were never needed.
func (p *Pool) trim() {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(p.cold, max(1, trimAtOnce/p.block))
	p.giveBack(p.idle[:n])
	p.idle = slices.Delete(p.idle, 0, n)
	switch p.cold -= n; {
	case p.cold > 0:
		p.timer.Reset(trimPause)
	case len(p.idle) > 0:
		p.cold = len(p.idle)
		p.timer.Reset(idleTime)
	default:
		p.timer = nil
	}
}

// giveBack gives the pages of blocks back to the system, and makes the lowest of
// all that are trimmed the next to be used: with huge pages the first byte of
// one costs 2 MiB, which several blocks should share. mu is held.
func (p *Pool) giveBack(blocks []Block) {
	slices.SortFunc(blocks, func(a, b Block) int { return cmp.Compare(p.offset(a), p.offset(b)) })
	for i := 0; i < len(blocks); {
		n := 1 // blocks side by side: a huge page is given back only as a whole
		for i+n < len(blocks) && p.offset(blocks[i+n]) == p.offset(blocks[i])+n*p.block {
			n++
		}
		from := p.offset(blocks[i])
		// Only advice: where it fails the pages merely stay resident.
		_ = unix.Madvise(p.arena[from:from+n*p.block], unix.MADV_DONTNEED)
		i += n
	}
	p.trimmed = append(p.trimmed, blocks...)
	slices.SortFunc(p.trimmed, func(a, b Block) int { return cmp.Compare(p.offset(b), p.offset(a)) })
}

// offset of a block in the arena.
func (p *Pool) offset(b Block) int {
	return int(uintptr(unsafe.Pointer(&b[0])) - uintptr(unsafe.Pointer(&p.arena[0])))
}
