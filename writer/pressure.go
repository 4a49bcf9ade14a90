package writer

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/memory"
)

// relievers bounds how many files are published at the same time only to free
// their memory.
const relievers = 8

// recheck is how long a writer that waits for memory trusts that it will be
// told of it.
const recheck = time.Second

// errNoMemory: every block is taken and no file but the one that asks could
// give one up.
var errNoMemory = errors.New("the memory budget is exhausted")

// obtain adds an empty block to the file. It waits until there is memory; the
// file's own bytes are sent or published to get it if nothing else helps. op
// is held.
func (f *File) obtain(index int64) error {
	data := f.engine.take()
	if data == nil {
		var err error
		coming := func() bool { return f.engine.relieve(f) }
		if data, err = f.engine.wait(f, coming, f.giveWay); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.alive(); err != nil || f.blocks[index] != nil {
		f.engine.put(data)
		return err
	}
	f.blocks[index] = newBlock(data)
	return nil
}

// take gives a block of memory for a file, nil if none is free.
func (e *Engine) take() memory.Block {
	b := e.pool.TryGet()
	if b != nil {
		e.held.Add(1)
	}
	return b
}

// put gives back what take gave.
func (e *Engine) put(b memory.Block) {
	e.held.Add(-1)
	e.pool.Put(b)
}

// wait gives a block of memory for f: a free one, or one that holds what S3
// holds too, or one that is given back while coming tells that some will be.
// When nothing is coming it calls last, which tells whether it freed any.
func (e *Engine) wait(f *File, coming func() bool, last func() (bool, error)) (memory.Block, error) {
	for {
		if b := e.take(); b != nil {
			return b, nil
		}
		changed := e.pool.Changed()
		if b := e.take(); b != nil {
			return b, nil
		}
		if e.shed() {
			continue
		}
		if err := f.Err(); err != nil {
			return nil, err
		}
		if !coming() {
			freed, err := last()
			if err != nil {
				return nil, err
			}
			if freed {
				continue
			}
		}
		select {
		case <-changed:
		case <-time.After(recheck):
			e.sheddable.Store(true)
		}
	}
}

// shed gives up blocks whose bytes S3 has: what readers hold, then those of the files that were left alone
// the longest first, and their first parts only when nothing else is left. It
// tells whether there were any.
func (e *Engine) shed() bool {
	if e.readersGiveWay() && e.shedReaders() {
		return true
	}
	if !e.sheddable.Swap(false) {
		return false
	}
	files := e.coldest()
	for _, first := range []bool{false, true} {
		for _, f := range files {
			if f.shed(first) > 0 {
				e.sheddable.Store(true)
				return true
			}
		}
	}
	return false
}

// readersGiveWay tells whether what was read ahead is to be given up: they may
// keep a quarter of the memory as long as parts in flight will give theirs back
// anyway, for else a program that reads and writes in turn fetches the same
// bytes again and again.
func (e *Engine) readersGiveWay() bool {
	held := e.pool.Used() - (e.held.Load()+int64(e.o.reserveBlocks()))*e.o.BlockSize
	return held > e.o.Memory/4 || e.inFlight.Load() == 0
}

// coldest gives the open files, those that were not changed for the longest
// time first.
func (e *Engine) coldest() []*File {
	files := e.open()
	touched := make(map[*File]int64, len(files))
	for _, f := range files {
		f.mu.Lock()
		touched[f] = f.touched
		f.mu.Unlock()
	}
	slices.SortFunc(files, func(a, b *File) int { return cmp.Compare(touched[a], touched[b]) })
	return files
}

// shed gives up the file's blocks whose bytes S3 has too, and tells how many;
// those of the first part only if first is set.
func (f *File) shed(first bool) (blocks int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.upload != nil {
		for i, p := range f.upload.parts {
			if i > 0 || first {
				blocks += f.forgetPart(p)
			}
		}
	}
	size := f.engine.o.BlockSize
	for i, b := range f.blocks {
		mine := i*size >= f.cursor() && (first || i*size >= f.engine.o.PartSize)
		if mine && !b.dirty && b.sending == 0 {
			f.drop(i, b)
			blocks++
		}
	}
	return blocks
}

// relieve sees to it that memory comes back from elsewhere than f, and tells
// whether it does.
func (e *Engine) relieve(f *File) bool {
	if e.searching.TryLock() {
		e.publishColdest(f)
		e.searching.Unlock()
	}
	return e.relieving.Load() > 0 || e.inFlight.Load() > 0
}

// publishColdest begins to publish files other than f, unless so many are
// under way or so much is in flight that memory will come back soon anyway.
// Files without a name lose what they give up, so they come last, one by one.
func (e *Engine) publishColdest(f *File) {
	enough := func() bool {
		return e.relieving.Load() >= relievers || e.inFlight.Load()*4*e.o.PartSize >= e.o.Memory
	}
	var nameless []*File
	for _, other := range e.coldest() {
		switch {
		case enough():
			return
		case other == f:
		case other.nameless():
			nameless = append(nameless, other)
		default:
			e.askToGiveWay(other)
		}
	}
	for _, other := range nameless {
		if e.relieving.Load() > 0 || e.inFlight.Load() > 0 {
			return
		}
		e.askToGiveWay(other)
	}
}

// askToGiveWay frees the memory of a file in the background, unless it is busy
// or has none to give.
func (e *Engine) askToGiveWay(other *File) {
	if !other.op.TryLock() {
		return
	}
	if !other.burdened() {
		other.op.Unlock()
		return
	}
	e.relieving.Add(1)
	e.undertake(other, func() {
		defer e.returned()
		defer e.relieving.Add(-1)
		defer other.op.Unlock()
		// An error is latched in that file, whose own program hears of it.
		gave, _ := other.giveWay()
		other.gaveWay(gave)
	})
}

// returned makes those who wait for memory look for blocks that can be given
// up.
func (e *Engine) returned() {
	e.sheddable.Store(true)
	e.pool.Wake()
}

// burdened tells whether giving way could free memory of the file.
func (f *File) burdened() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state == dirty && len(f.blocks) > 0 && f.touched != f.barren
}

// gaveWay notes whether giving way freed anything, so that a file which cannot
// is not asked again before it has changed.
func (f *File) gaveWay(gave bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !gave {
		f.barren = f.touched
	}
}

// giveWay frees the file's memory as far as that needs no help: parts are sent
// again that changed, a part is sent that is shorter than planned, or else the
// file is published. It tells whether memory will come back. op is held.
func (f *File) giveWay() (bool, error) {
	if f.resend() > 0 {
		return true, nil
	}
	f.mu.Lock()
	switch {
	case f.state != dirty:
		defer f.mu.Unlock()
		return false, f.alive()
	case f.unlinked:
		defer f.mu.Unlock()
		return f.forgo(), nil
	}
	empty := f.size == 0 && f.upload == nil
	f.mu.Unlock()
	if n, err := f.emitEarly(); n > 0 || err != nil {
		return true, err
	}
	if err := f.mayPublish(); err != nil {
		return false, errors.Join(errNoMemory, err)
	}
	if empty { // has nothing to give
		return false, nil
	}
	return true, f.publish()
}

// emitEarly makes parts of what can be, although the file goes on and the last
// of them is shorter than planned, and tells how many; op is held.
func (f *File) emitEarly() (int, error) {
	segments, made := f.unmade()
	pieces := plan(segments, made+1, f.engine.o)
	k := f.early(pieces, made)
	return k, f.emitAll(pieces[:k])
}

// early tells how many pieces may be sent although the file goes on: whole
// parts with nothing to fetch, the last of them sent, not copied.
func (f *File) early(pieces []piece, made int32) (k int) {
	o := f.engine.o
	if made+int32(len(pieces))+1 > o.Limits.MaxParts {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, x := range pieces {
		if f.tooEarly(x) {
			return k
		}
		if x.src == nil {
			k = i + 1
		}
	}
	return k
}

// tooEarly tells whether x cannot be made a part while the file goes on: it is
// too short for any but the last, or bytes would have to be fetched; mu is
// held.
func (f *File) tooEarly(x piece) bool {
	o := &f.engine.o
	shortest := o.Limits.MinPart
	if o.UniformParts {
		shortest = o.PartSize
	}
	return x.hi-x.lo < shortest || x.src == nil && f.lacks(x.lo, x.hi)
}

// lacks tells whether bytes of [lo, hi) would have to be fetched; mu is held.
func (f *File) lacks(lo, hi int64) bool {
	for lo < hi {
		x, bytes, err := f.look(lo, hi)
		if err != nil || bytes == nil && x.src != nil {
			return true
		}
		lo = x.hi
	}
	return false
}
