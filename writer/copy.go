package writer

import (
	"context"
	"fmt"
)

// CopyFrom makes the bytes [dst, dst+n) of the file those of src from offset at
// on. S3 copies them when the file is published; src must then still be the
// current version of its object (else ErrStale). A range that is too short to
// be a part is fetched at once instead.
func (f *File) CopyFrom(src Object, at, dst, n int64) error {
	f.op.Lock()
	defer f.op.Unlock()
	if at < 0 || n < 0 || at+n > src.Size {
		return fmt.Errorf("%w: bytes %d to %d of an object of %d", ErrInvalid, at, at+n, src.Size)
	}
	if n == 0 {
		return nil
	}
	if err := f.admit(dst, n); err != nil {
		return err
	}
	whole := dst == 0 && n == src.Size && n >= f.Size()
	if n < f.engine.o.Limits.MinPart && !whole {
		return f.fetchInto(src, at, dst, n)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if dst < f.cursor() {
		if err := f.unlocked(f.publishMidway); err != nil {
			return err
		}
	}
	f.lay(extent{lo: dst, hi: dst + n, src: &src, at: at})
	f.changed()
	return f.alive()
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

// fetchInto copies the bytes through memory; op is held.
func (f *File) fetchInto(src Object, at, dst, n int64) error {
	buffer := make([]byte, min(n, f.engine.o.PartSize))
	for done := int64(0); done < n; {
		p := buffer[:min(n-done, int64(len(buffer)))]
		if err := f.engine.store.ReadRange(context.Background(), src, at+done, p); err != nil {
			return err
		}
		if _, err := f.write(p, dst+done); err != nil {
			return err
		}
		done += int64(len(p))
	}
	return nil
}
