package writer

import "fmt"

// Truncate changes the length of the file. What is added are zeros.
func (f *File) Truncate(size int64) (err error) {
	f.op.Lock()
	defer f.op.Unlock()
	defer f.latch(&err)
	if size < 0 {
		return fmt.Errorf("%w: size %d", ErrInvalid, size)
	}
	if err := f.admit(size, 0); err != nil {
		return err
	}
	switch was := f.Size(); {
	case size > was:
		f.mu.Lock()
		defer f.mu.Unlock()
		f.size = size
		f.changed()
		return f.alive()
	case size == was:
		return nil
	case size == 0:
		return f.empty()
	}
	return f.shrink(size)
}

// empty makes the file a new one of length 0: nothing of what was before is
// needed any more, neither the base nor the running upload. op is held.
func (f *File) empty() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leaveUpload(false)
	f.cut(0)
	f.closeReader()
	f.object = nil
	f.due = f.engine.o.PartSize
	f.changed()
	return f.alive()
}

// shrink cuts the file to size bytes, fewer than it has. op is held.
func (f *File) shrink(size int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if size < f.cursor() {
		if err := f.quiet(); err != nil {
			return err
		}
		if !f.rewind(size) {
			if err := f.unlocked(f.publishMidway); err != nil {
				return err
			}
		}
	}
	f.cut(size)
	f.changed()
	return f.alive()
}

// rewind takes parts back from the upload until its cursor is not beyond size:
// those behind it will not be named at completion, and the one it falls into is
// made again. It is false where that one's bytes cannot be had any more. mu is
// held and nothing is in flight.
func (f *File) rewind(size int64) bool {
	p := f.partAt(size)
	if p.lo < size && !p.kept && !p.based {
		return false
	}
	u := f.upload
	for _, b := range f.within(p.lo, size) {
		b.dirty = true
	}
	u.parts = u.parts[:p.number-1]
	u.cursor = p.lo
	return true
}

// cut forgets everything from offset size on; mu is held and nothing from there
// on is in flight.
func (f *File) cut(size int64) {
	step := f.engine.o.BlockSize
	for i, b := range f.blocks {
		switch {
		case i*step >= size:
			f.drop(i, b)
		case (i+1)*step > size:
			b.invalidate(size-i*step, step)
		}
	}
	f.below.cut(size, f.size)
	f.size = size
}
