package readahead

import (
	"context"
	"slices"

	"github.com/s3mpfs/s3mpfs/internal/memory"
	"github.com/s3mpfs/s3mpfs/internal/panics"
)

// fetch is one ranged GET ahead of a stream, or for a large read outside any, and
// the bytes it brought.
//
// It is in Reader.fetches from its start until it is dropped. Its blocks go
// back to the pool as soon as it is done, dropped and held by no read.
type fetch struct {
	off, end int64              // [off, end) of the object
	cancel   context.CancelFunc // ends the GET early
	done     chan struct{}      // closed when blocks are filled, or err is set
	err      error              // final once done is closed

	// Guarded by Reader.mu.
	blocks  []memory.Block // nil once given back
	readers int            // reads that wait for it or use its bytes
	lone    bool           // begun for a read outside any stream that has not come for it yet
	dropped bool
}

// finished tells whether the GET has ended.
func (f *fetch) finished() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// slices are the blocks cut to the fetch's length.
func (f *fetch) slices() [][]byte {
	p := make([][]byte, len(f.blocks))
	for i, left := 0, f.end-f.off; i < len(p); i++ {
		p[i] = f.blocks[i][:min(left, memory.BlockSize)]
		left -= memory.BlockSize
	}
	return p
}

// appendTo appends where up to n bytes from off on lie, which the fetch covers.
func (f *fetch) appendTo(p [][]byte, n int, off int64) (_ [][]byte, got int) {
	n = int(min(int64(n), f.end-off))
	for at := off - f.off; got < n; at = off - f.off + int64(got) {
		b := f.blocks[at/memory.BlockSize][at%memory.BlockSize:]
		b = b[:min(len(b), n-got)]
		p, got = append(p, b), got+len(b)
	}
	return p, got
}

// start begins to fetch [off, end), which no fetch covers yet. It reports false
// where there is no memory for it. Called under mu.
func (r *Reader) start(off, end int64) bool {
	blocks := r.takeBlocks(int((end - off + memory.BlockSize - 1) / memory.BlockSize))
	if blocks == nil {
		return false
	}
	ctx, cancel := context.WithCancel(r.ctx)
	f := &fetch{off: off, end: end, cancel: cancel, done: make(chan struct{}), blocks: blocks}
	r.fetches = slices.Insert(r.fetches, r.search(off), f)
	r.work.Add(1)
	go r.run(ctx, f, f.slices())
	return true
}

func (r *Reader) run(ctx context.Context, f *fetch, p [][]byte) {
	defer r.work.Done()
	defer f.cancel()
	err := r.read(ctx, f.off, p)
	r.mu.Lock()
	defer r.mu.Unlock()
	f.err = err
	close(f.done)
	r.giveBack(f)
}

func (r *Reader) read(ctx context.Context, off int64, p [][]byte) (err error) {
	defer panics.Catch(r.opts.Log, &err)
	return r.src.ReadRange(ctx, r.obj, off, p...)
}

const (
	// reserve is the share of the budget, 1/reserve, that read-ahead leaves to
	// the writers, who would otherwise find it full whenever they begin.
	reserve = 4
	// floor is the share of the budget, 1/floor, that a reader may have of the
	// reserve too: a program that reads and writes in turn would otherwise fetch
	// each piece by a GET of its own.
	floor = 16
)

// takeBlocks gives n blocks of the pool or nil.
func (r *Reader) takeBlocks(n int) []memory.Block {
	size, more := r.pool.Size(), int64(n)*memory.BlockSize
	if r.pool.Used()+more > size-size/reserve && r.held()+more > size/floor {
		return nil
	}
	blocks := make([]memory.Block, 0, n)
	for range n {
		b := r.pool.TryGet()
		if b == nil {
			r.pool.Put(blocks...)
			return nil
		}
		blocks = append(blocks, b)
	}
	return blocks
}

// held is how many bytes of memory the reader has. Called under mu.
func (r *Reader) held() (bytes int64) {
	for _, f := range r.fetches {
		bytes += int64(len(f.blocks)) * memory.BlockSize
	}
	return bytes
}

// giveBack returns the memory of f where nobody can need it any more: it
// failed, or was dropped and is not held. Called under mu.
func (r *Reader) giveBack(f *fetch) {
	if !f.finished() || f.err == nil && (!f.dropped || f.readers > 0) {
		return
	}
	r.pool.Put(f.blocks...)
	f.blocks = nil
}

// search gives the index of the first fetch that ends behind off.
func (r *Reader) search(off int64) int {
	i, _ := slices.BinarySearchFunc(r.fetches, off, func(f *fetch, off int64) int {
		if f.end <= off {
			return -1
		}
		return 1
	})
	return i
}

// find gives the fetch that covers off, or nil and where the next one begins.
// Called under mu.
func (r *Reader) find(off int64) (f *fetch, next int64) {
	i := r.search(off)
	if i == len(r.fetches) {
		return nil, r.obj.Size
	}
	if f := r.fetches[i]; f.off <= off {
		return f, 0
	}
	return nil, r.fetches[i].off
}

// hold is find for a read, which must release what it gets.
func (r *Reader) hold(off int64) (f *fetch, next int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forgetFailed(off, off+1)
	f, next = r.find(off)
	if f != nil {
		f.readers++
		f.lone = false
	}
	return f, next
}

func (r *Reader) release(f *fetch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.readers--
	r.giveBack(f)
	if f.readers == 0 {
		r.dropUnwanted()
	}
}

// fetchLone starts a fetch for a read of n bytes outside any stream, where it is
// as large as those that the kernel sends ahead of a program. Several of them
// come in any order, so a stream may begin with one that lies before this. Small
// ones go without, straight into the reader's buffer. Called under mu.
func (r *Reader) fetchLone(off, n int64) {
	if f, next := r.find(off); n < kernelRead || f != nil || next < off+n {
		return
	}
	if r.start(off, off+n) {
		f, _ := r.find(off)
		f.lone = true
	}
}

// forgetFailed drops the fetches within [off, end) that failed while nobody
// waited for them: a read that comes now asks the store anew. Until then they
// stay, so that a stream does not fetch in vain again and again what it may
// never read. Called under mu.
func (r *Reader) forgetFailed(off, end int64) {
	r.drop(func(f *fetch) bool {
		return f.end <= off || end <= f.off || !f.finished() || f.err == nil
	})
}

// drop forgets the fetches that are not to be kept and that no read holds.
// Called under mu.
func (r *Reader) drop(keep func(*fetch) bool) {
	r.fetches = slices.DeleteFunc(r.fetches, func(f *fetch) bool {
		if f.readers > 0 && (!f.finished() || f.err == nil) || keep(f) {
			return false
		}
		f.dropped = true
		f.cancel()
		r.giveBack(f)
		return true
	})
}
