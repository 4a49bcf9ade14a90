package writer

import (
	"sync"

	"github.com/s3mpfs/s3mpfs/internal/memory"
)

// block holds bytes of a file in memory: those of the aligned range of the
// file that its index names, as far as they are valid. What is not valid lies
// below, in the file's extents.
//
// Fields are guarded by the file's mu; the bytes too, except that a block
// which is being sent is read without it and therefore not written.
type block struct {
	data    memory.Block
	valid   spans   // offsets within the block
	one     [1]span // where valid lies while it is one range
	dirty   bool    // holds bytes that S3 does not have, neither in a part nor in an object
	sending int     // parts in flight that read the block
	dropped bool    // no longer in the file; freed when it is no longer being sent
	reserve bool    // belongs to the engine's reserve

	// sum is the checksum of the valid bytes [sumFrom, sumTo), taken when they
	// were copied in; nothing is known where the two are equal.
	sum            uint64
	sumFrom, sumTo int64
}

// idleBlocks are blocks without memory, to be used again: a writer that streams
// allocates nothing.
var idleBlocks = sync.Pool{New: func() any { return new(block) }}

// newBlock makes an empty block of data.
func newBlock(data memory.Block) *block {
	b := idleBlocks.Get().(*block)
	b.data = data
	b.valid = b.one[:0]
	return b
}

// recycle takes a block that nobody refers to any more.
func (b *block) recycle() {
	*b = block{}
	idleBlocks.Put(b)
}

// write copies p to offset lo of the block and continues the checksum over it.
func (b *block) write(a Algorithm, lo int64, p []byte) {
	hi := lo + int64(copy(b.data[lo:], p))
	switch {
	case b.sumFrom < b.sumTo && lo == b.sumTo:
		b.sum, b.sumTo = a.Update(b.sum, b.data[lo:hi]), hi
	case len(b.valid) == 0:
		b.sum, b.sumFrom, b.sumTo = a.Update(0, b.data[lo:hi]), lo, hi
	default:
		b.sumFrom, b.sumTo = 0, 0
	}
	b.valid.add(lo, hi)
	b.dirty = true
}

// invalidate forgets the bytes [lo, hi).
func (b *block) invalidate(lo, hi int64) {
	b.valid.remove(lo, hi)
	b.sumFrom, b.sumTo = 0, 0
}

// checksum of the bytes [lo, hi), all of them valid.
func (b *block) checksum(a Algorithm, lo, hi int64) uint64 {
	if b.sumFrom == lo && b.sumTo == hi && lo < hi {
		return b.sum
	}
	return a.Update(0, b.data[lo:hi])
}
