package writer

import (
	"context"
	"fmt"
)

// CopyFrom makes the bytes [dst, dst+n) of the file those of src from offset at
// on, which must be the current version of its object (else ErrStale). S3 has
// copied them when CopyFrom returns, so that src may be replaced from then on:
// as parts of the running upload where they can follow what is there, else by
// publishing. Under Options.Atomic, where that is forbidden, src must stay
// until the file is published. A range too short to be a part is fetched.
func (f *File) CopyFrom(src Object, at, dst, n int64) (err error) {
	whole := dst == 0 && n == src.Size && n >= f.Size()
	short := n < f.engine.o.Limits.MinPart && !whole
	if short { // before op: who waits for this must be able to give memory
		f.engine.fetching <- struct{}{}
		defer func() { <-f.engine.fetching }()
	}
	f.op.Lock()
	defer f.op.Unlock()
	defer f.latch(&err)
	if at < 0 || n < 0 || at+n > src.Size {
		return fmt.Errorf("%w: bytes %d to %d of an object of %d", ErrInvalid, at, at+n, src.Size)
	}
	if n == 0 {
		return nil
	}
	if err := f.admit(dst, n); err != nil {
		return err
	}
	if short {
		return f.fetchInto(src, at, dst, n)
	}
	if err := f.spareNumbers(n); err != nil {
		return err
	}
	if err := f.place(extent{lo: dst, hi: dst + n, src: &src, at: at}); err != nil {
		return err
	}
	return f.capture(dst + n)
}

// place puts x into the file; op is held.
func (f *File) place(x extent) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if x.lo < f.cursor() {
		if err := f.unlocked(f.publishMidway); err != nil {
			return err
		}
	}
	f.lay(x)
	f.changed()
	return f.alive()
}

// capture has S3 copy what has just been laid into the file, up to offset end;
// op is held.
func (f *File) capture(end int64) error {
	if f.mayPublish() != nil {
		return nil
	}
	f.mu.Lock()
	whole := f.unchangedCopy() != nil
	f.mu.Unlock()
	segments, made := f.unmade()
	pieces := plan(segments, made+1, f.engine.o)
	k := f.through(pieces, end)
	if whole || k == 0 || int(made)+len(pieces)+1 > int(f.engine.o.Limits.MaxParts) {
		return f.publish()
	}
	if err := f.emitAll(pieces[:k]); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.quiet()
}

// through tells how many pieces there are up to the one that ends at or beyond
// offset end; 0 if one of them must not be sent while the file goes on.
func (f *File) through(pieces []piece, end int64) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, x := range pieces {
		switch {
		case f.tooEarly(x):
			return 0
		case x.hi >= end:
			return i + 1
		}
	}
	return 0
}

// lay puts x into the file in place of what was there; mu is held, and nothing
// of x is part of an upload.
func (f *File) lay(x extent) {
	size := f.engine.o.BlockSize
	for i := x.lo / size; i*size < x.hi; i++ {
		b := f.blocks[i]
		switch {
		case b == nil:
		case i*size >= x.lo && (i+1)*size <= x.hi:
			f.drop(i, b)
		default:
			b.invalidate(max(0, x.lo-i*size), min(size, x.hi-i*size))
		}
	}
	f.below.put(x)
	f.size = max(f.size, x.hi)
}

// fetchInto copies bytes, fewer than a part has, through memory. All are read
// before the first is written, since writing may publish the file, of which
// src may be the present version. One file at a time does so, since these
// bytes come on top of the budget. op and the engine's right to fetch are held.
func (f *File) fetchInto(src Object, at, dst, n int64) error {
	p := make([]byte, n)
	if err := f.engine.store.ReadRange(context.Background(), src, at, p); err != nil {
		return err
	}
	_, err := f.write(p, dst)
	return err
}
