package writer

import (
	"fmt"
	"sort"
)

// fold publishes as much of the file as one upload takes: changes up to some
// offset beyond least, and behind it what objects hold. The result, which the
// next upload needs only a few large copies of, becomes the base of the other
// changes. op is held.
func (f *File) fold(pieces []piece, made int32, least int64) (to int64, err error) {
	tooBig := fmt.Errorf("%w: %d parts are needed", ErrTooBig, int(made)+len(pieces))
	if f.engine.o.UniformParts || f.mayPublish() != nil {
		return 0, tooBig
	}
	rest := func(to int64) []piece {
		f.mu.Lock()
		defer f.mu.Unlock()
		return plan(f.segments(to), made+1, f.engine.o)
	}
	to = pieces[0].lo
	n := sort.Search(len(pieces), func(i int) bool { return !f.fits(rest(pieces[i].hi), made) })
	if n > 0 {
		to = pieces[n-1].hi
	}
	part := rest(to)
	if to <= least || !f.fits(part, made) {
		return 0, tooBig
	}
	return to, f.publishUpTo(to, part)
}

// publishUpTo publishes pieces, which hold the changes before offset to; op is
// held.
func (f *File) publishUpTo(to int64, pieces []piece) error {
	if err := f.sendPieces(pieces); err != nil {
		return err
	}
	object, err := f.complete()
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rebase(object, to)
	return f.alive()
}

// fits tells whether there are numbers for pieces behind made parts.
func (f *File) fits(pieces []piece, made int32) bool {
	return int(made)+len(pieces) <= int(f.engine.o.Limits.MaxParts)
}

// outOfNumbers makes an object of what there is, so that the file can go on
// with a few large copies of it. op is held.
func (f *File) outOfNumbers() error {
	if f.engine.o.UniformParts || f.mayPublish() != nil {
		f.due = f.engine.o.PartSize
		return nil
	}
	return f.publish()
}

// spareNumbers publishes a file for which a copy of n bytes in its midst may
// leave too few part numbers: once the copy is laid into the file, no step of a
// fold can leave it out. op is held.
func (f *File) spareNumbers(n int64) error {
	o := f.engine.o
	segments, made := f.unmade()
	needed := int64(made) + int64(len(plan(segments, made+1, o))) + n/o.Limits.MaxCopy + 3 // its own, and what it cuts in two
	if !f.Dirty() || needed <= int64(o.Limits.MaxParts) || f.mayPublish() != nil {
		return nil
	}
	return f.publish()
}
