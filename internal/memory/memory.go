// Package memory is the mount's one budget of memory for file content.
//
// The budget is an arena of address space that is reserved once, outside the
// garbage collector's heap, and cut into blocks of equal size. A block costs
// physical memory only while it is used: Trim gives the pages of idle blocks
// back to the system. Whoever holds a block owns it alone until Put.
package memory

import (
	"fmt"
	"slices"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// BlockSize is the unit of memory in bytes. It is a FUSE read request's worth,
// small enough that a thousand slowly written files fit into 256 MiB, and large
// enough that a part of 10 MiB is a short list.
const BlockSize = 128 << 10

// Block is BlockSize bytes of the arena. The zero Block is none.
type Block []byte

// Pool is a budget of blocks. All methods are safe for concurrent use.
type Pool struct {
	size  int64 // bytes of the budget
	block int   // bytes of one block

	mu      sync.Mutex // guards what follows; never held across I/O
	arena   []byte     // nil after Close
	idle    []Block    // given back and warm, the last one used first
	fresh   int        // offset in arena of the first block never used or trimmed
	trimmed []Block    // given back to the system, usable again
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
	arena := p.arena
	p.arena, p.idle, p.trimmed, p.fresh = nil, nil, nil, 0
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

// Trim gives the pages of idle blocks back to the system.
func (p *Pool) Trim() {
	p.mu.Lock()
	defer p.mu.Unlock()
	offsets := make([]int, len(p.idle))
	for i, b := range p.idle {
		offsets[i] = p.offset(b)
	}
	slices.Sort(offsets)
	for len(offsets) > 0 {
		n := 1 // blocks side by side: a huge page is given back only as a whole
		for n < len(offsets) && offsets[n] == offsets[0]+n*p.block {
			n++
		}
		// Only advice: where it fails the pages merely stay resident.
		_ = unix.Madvise(p.arena[offsets[0]:offsets[0]+n*p.block], unix.MADV_DONTNEED)
		offsets = offsets[n:]
	}
	p.trimmed = append(p.trimmed, p.idle...)
	p.idle = nil
}

// offset of a block in the arena.
func (p *Pool) offset(b Block) int {
	return int(uintptr(unsafe.Pointer(&b[0])) - uintptr(unsafe.Pointer(&p.arena[0])))
}
