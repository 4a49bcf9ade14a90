package writer

import "errors"

// errReserve: a publish needs memory, and all memory there is waits for it.
var errReserve = errors.New("the reserve is needed")

// fill sees to it that all bytes of [lo, hi) that lie in an object are in
// memory, and that they stay there until they are sent. The caller calls
// release once it has begun to send them.
//
// Where the budget is exhausted the engine's reserve is used, which one file
// may have at a time; release then waits until the bytes are sent. op is held.
func (f *File) fill(lo, hi int64) (release func(), err error) {
	f.mu.Lock()
	for _, b := range f.within(lo, hi) {
		b.dirty = true // to be sent: not given up before
	}
	f.mu.Unlock()
	r := reserved{f: f}
	size := f.engine.o.BlockSize
	for index := lo / size; index*size < hi; index++ {
		if err := f.makeRoom(index, lo, hi, &r); err != nil {
			r.release(lo, hi)
			return nil, err
		}
	}
	fetches, pinned := f.missing(lo, hi)
	err = f.fetchAll(fetches)
	f.filled(lo, hi, pinned, err == nil)
	if err != nil {
		r.release(lo, hi)
		return nil, err
	}
	return func() { r.release(lo, hi) }, nil
}

// within gives the blocks that overlap [lo, hi); mu is held.
func (f *File) within(lo, hi int64) []*block {
	size := f.engine.o.BlockSize
	all := make([]*block, 0, (hi-lo)/size+2)
	for i := lo / size; i*size < hi; i++ {
		if b := f.blocks[i]; b != nil {
			all = append(all, b)
		}
	}
	return all
}

// makeRoom adds the block index to the file, if bytes of [lo, hi) must be
// fetched into it and it is not there.
func (f *File) makeRoom(index, lo, hi int64, r *reserved) error {
	size := f.engine.o.BlockSize
	lo, hi = max(lo, index*size), min(hi, (index+1)*size)
	f.mu.Lock()
	needed := f.blocks[index] == nil && f.lacks(lo, hi)
	f.mu.Unlock()
	if !needed {
		return nil
	}
	b := r.take()
	if b == nil {
		data, err := f.engine.wait(f, f.engine.landing, func() (bool, error) { return false, errReserve })
		switch {
		case errors.Is(err, errReserve):
			b = r.open()
		case err != nil:
			return err
		default:
			b = newBlock(data)
		}
	}
	b.dirty = true
	f.mu.Lock()
	defer f.mu.Unlock()
	f.blocks[index] = b
	if err := f.alive(); err != nil {
		f.drop(index, b)
		return err
	}
	return nil
}

// landing tells whether something is in flight that will give memory back
// without needing any.
func (e *Engine) landing() bool { return e.inFlight.Load() > 0 }

// missing tells what of [lo, hi) must be fetched, and pins the blocks into
// which it will be.
func (f *File) missing(lo, hi int64) (fetches []fetch, pinned []*block) {
	f.mu.Lock()
	defer f.mu.Unlock()
	size := f.engine.o.BlockSize
	for pos := lo; pos < hi; {
		x, bytes, err := f.look(pos, hi)
		if b := f.blocks[pos/size]; err == nil && bytes == nil && x.src != nil && b != nil {
			fetches = appendFetch(fetches, x, b.data[pos%size:pos%size+x.hi-x.lo])
			b.sending++
			pinned = append(pinned, b)
		}
		pos = x.hi
	}
	return fetches, pinned
}

// filled takes note of what has been fetched.
func (f *File) filled(lo, hi int64, pinned []*block, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unpin(pinned)
	size := f.engine.o.BlockSize
	for pos := lo; ok && pos < hi; {
		x, bytes, _ := f.look(pos, hi)
		if b := f.blocks[pos/size]; bytes == nil && x.src != nil && b != nil {
			b.valid.add(pos%size, pos%size+x.hi-x.lo)
		}
		pos = x.hi
	}
}

// reserved is a publish's hold on the engine's reserve.
type reserved struct {
	f    *File
	held bool
}

// take gives a block of the reserve, if it is held.
func (r *reserved) take() *block {
	if !r.held {
		return nil
	}
	e := r.f.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	b := newBlock(e.spare[0])
	b.reserve = true
	e.spare = e.spare[1:]
	return b
}

// open waits for the reserve and gives its first block.
func (r *reserved) open() *block {
	r.f.engine.reserve <- struct{}{}
	r.held = true
	return r.take()
}

// release waits until the bytes [lo, hi) are sent, gives up those that are in
// the reserve's blocks, and lets the next one have the reserve.
func (r *reserved) release(lo, hi int64) {
	if !r.held {
		return
	}
	f := r.f
	f.mu.Lock()
	size := f.engine.o.BlockSize
	for i := lo / size; i*size < hi; i++ {
		b := f.blocks[i]
		for ; b != nil && b.reserve && b.sending > 0; b = f.blocks[i] {
			f.cond.Wait()
		}
		if b != nil && b.reserve {
			f.drop(i, b)
		}
	}
	if lo < f.cursor() {
		f.partAt(lo).kept = false
	}
	for !f.engine.reserveIsWhole() { // blocks of a file that failed come back as they land
		f.cond.Wait()
	}
	f.mu.Unlock()
	<-f.engine.reserve
}

// reserveBlocks is how many blocks the reserve has: those of one part, and one
// more for a part that does not begin with a block.
func (o Options) reserveBlocks() int { return int(o.PartSize/o.BlockSize) + 1 }

// reserveIsWhole tells whether nobody has a block of the reserve.
func (e *Engine) reserveIsWhole() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.spare) == e.o.reserveBlocks()
}
