package writer

import "slices"

// gone stands for what a file without a name has given up: bytes that nobody
// can read any more. It is compared by its address.
var gone = &Object{}

// Unlink calls remove, which is to remove the object that bears the file's
// name, or to put another in its place, while nothing is published. After it
// has succeeded the file is never published again: Publish has nothing to do,
// and the upload is aborted. An error of remove is returned, and the file is
// what it was.
//
// The file can be written and read on. The bytes of the object are from then on
// those of aside, which is a copy of it that remove made before; without one
// they are gone. All others are in memory. Where the budget is exhausted the
// file gives them up, last of all files, since there is no place to put them:
// reading those is ErrUnlinked.
func (f *File) Unlink(remove func() (aside *Object, err error)) error {
	f.op.Lock()
	defer f.op.Unlock()
	f.setUnlinked(true)
	f.awaitCopies()
	aside, err := remove()
	if err != nil {
		f.setUnlinked(false)
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state == clean || f.state == dirty {
		f.setAside(aside)
		f.detach()
	}
	return nil
}

// awaitCopies waits until no part is being copied from an object that is about
// to go.
func (f *File) awaitCopies() {
	f.mu.Lock()
	defer f.mu.Unlock()
	copying := func(p *part) bool { return p.state == inFlight && p.src != nil }
	for f.upload != nil && slices.ContainsFunc(f.upload.parts, copying) {
		f.cond.Wait()
	}
}

// setAside makes the bytes of the file's object those of aside; op and mu are
// held.
func (f *File) setAside(aside *Object) {
	if f.object == nil || aside == nil {
		return
	}
	for i, x := range f.below {
		if x.src.same(f.object) {
			f.below[i].src = aside
		}
	}
	f.closeReader()
	f.object = aside
}

func (f *File) setUnlinked(is bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unlinked = is
}

// nameless tells whether the file has been unlinked.
func (f *File) nameless() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.unlinked
}

// detach takes the file's content out of S3's hands as far as it can be had:
// the running upload will never be completed, and the object is gone. op and
// mu are held.
func (f *File) detach() {
	if f.upload != nil {
		for _, p := range f.upload.parts {
			switch {
			case p.src != nil && !p.based:
				f.below.put(p.piece)
			case p.src == nil && !p.kept:
				f.forsake(p.lo, p.hi)
			}
		}
		f.leaveUpload(false)
	}
	for _, b := range f.blocks {
		b.dirty = true
	}
	f.changed()
}

// forsake notes that the bytes [lo, hi), as far as they are not in a block, are
// gone; mu is held.
func (f *File) forsake(lo, hi int64) {
	f.below.put(extent{lo: lo, hi: hi, src: gone, at: lo})
}

// forgo gives up what a file without a name holds in memory, and tells whether
// that was anything; mu is held.
func (f *File) forgo() bool {
	size, held := f.engine.o.BlockSize, len(f.blocks) > 0
	for i, b := range f.blocks {
		for _, v := range b.valid {
			f.forsake(i*size+v.lo, i*size+v.hi)
		}
		f.drop(i, b)
	}
	return held
}
