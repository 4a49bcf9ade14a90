package writer

import "slices"

// segments describes what is not yet part of the running upload: bytes that
// must be sent, and ranges of objects. Changes from offset to on are left out;
// the file is then as long as what is left. mu is held.
func (f *File) segments(to int64) []segment {
	size := f.engine.o.BlockSize
	var out []segment
	add := func(s segment) {
		if n := len(out); n > 0 && out[n-1].src == nil && s.src == nil {
			out[n-1].hi = s.hi
		} else if s.lo < s.hi {
			out = append(out, s)
		}
	}
	pos := f.cursor()
	below := func(to int64) {
		for pos < to {
			s := f.below.at(pos, to)
			add(s)
			pos = s.hi
		}
	}
	for _, i := range f.dirtyBlocks() {
		for _, v := range f.blocks[i].valid {
			if lo, hi := max(pos, i*size+v.lo), min(to, i*size+v.hi); lo < hi {
				below(lo)
				add(segment{lo: lo, hi: hi})
				pos = hi
			}
		}
	}
	below(max(to, f.below.end()))
	return out
}

// dirtyBlocks gives the indices of the blocks that hold bytes to be sent,
// ascending; mu is held.
func (f *File) dirtyBlocks() []int64 {
	size := f.engine.o.BlockSize
	first, end := f.cursor()/size, (f.size+size-1)/size
	if end-first < int64(len(f.blocks)) { // a stream: all others are in flight
		return f.dirtyBetween(first, end)
	}
	all := make([]int64, 0, len(f.blocks))
	for i, b := range f.blocks {
		if b.dirty && i >= first {
			all = append(all, i)
		}
	}
	slices.Sort(all)
	return all
}

// dirtyBetween is dirtyBlocks of those with indices in [first, end).
func (f *File) dirtyBetween(first, end int64) (some []int64) {
	for i := first; i < end; i++ {
		if b := f.blocks[i]; b != nil && b.dirty {
			some = append(some, i)
		}
	}
	return some
}

// unmade is what lies behind the cursor, and the number of the parts before it.
func (f *File) unmade() (segments []segment, made int32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.segments(f.size), f.partCount()
}
