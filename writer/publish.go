package writer

import (
	"context"
	"errors"
)

// Publish makes the content an object: durable and visible under its key when
// it returns nil. Nothing happens where nothing has changed since the last
// Publish. The file may be written on afterwards; what was published is then
// the base of the next version.
func (f *File) Publish() (err error) {
	f.op.Lock()
	defer f.op.Unlock()
	defer f.latch(&err)
	return f.publish()
}

// publishMidway publishes because something could not be done otherwise; op is
// held.
func (f *File) publishMidway() error {
	if err := f.mayPublish(); err != nil {
		return err
	}
	return f.publish()
}

// mayPublish tells why the file must not be published unless its program asks
// for it.
func (f *File) mayPublish() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.unlinked:
		return ErrUnlinked
	case f.engine.o.Atomic:
		return ErrAtomic
	}
	return nil
}

// publish is Publish; op is held.
func (f *File) publish() error {
	if needed, err := f.beginPublishing(); !needed {
		f.leaving.Wait()
		return err
	}
	object, err := f.makeObject()
	if isStale(err) {
		f.rescue()
	}
	err = f.endPublishing(object, err)
	f.engine.returned()
	if err != nil {
		f.leaving.Wait()
	}
	return err
}

// beginPublishing tells whether there is something to publish, or why nothing
// will be.
func (f *File) beginPublishing() (needed bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state != dirty || f.unlinked {
		return false, f.alive()
	}
	f.become(publishing)
	return true, nil
}

// endPublishing notes what became of it.
func (f *File) endPublishing(object Object, err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.fail(err)
	}
	if err := f.alive(); err != nil {
		return err
	}
	f.rebase(object, f.size)
	f.become(clean)
	return nil
}

// rebase makes object, which holds all changes before offset to, the base of
// what comes; mu is held.
func (f *File) rebase(object Object, to int64) {
	if f.upload != nil {
		f.upload.cancel()
		f.upload.cut()
		f.upload = nil
	}
	f.base(object)
	f.exclusive, f.absent = false, false
	for i, b := range f.blocks {
		b.dirty = b.dirty && to < f.size && (i+1)*f.engine.o.BlockSize > to
	}
}

// makeObject gives S3 the content by whatever way costs least; op is held.
func (f *File) makeObject() (Object, error) {
	f.mu.Lock()
	key, attrs, cond := f.key, f.attrs, f.condition()
	src := f.unchangedCopy()
	small := f.upload == nil && f.size <= f.engine.o.PartSize
	f.mu.Unlock()
	switch {
	case src != nil:
		return f.engine.store.CopyObject(context.Background(), *src, key, attrs, cond)
	case small:
		return f.put(key, attrs, cond)
	}
	if err := f.sendRest(); err != nil {
		return Object{}, err
	}
	return f.complete()
}

// unchangedCopy gives the object of which the whole file is a copy, if it is
// one and one request can make it; mu is held.
func (f *File) unchangedCopy() *Object {
	if f.upload != nil || f.size == 0 || f.size > f.engine.o.Limits.MaxCopy || len(f.below) != 1 {
		return nil
	}
	for _, b := range f.blocks {
		if b.dirty {
			return nil
		}
	}
	if x := f.below[0]; x.lo == 0 && x.hi == f.size && x.src.Size == f.size {
		return x.src
	}
	return nil
}

// put makes a small file an object in one request; op is held.
func (f *File) put(key string, attrs Attributes, cond Condition) (Object, error) {
	size := f.Size()
	release, err := f.fill(0, size)
	if err != nil {
		return Object{}, err
	}
	defer release()
	body, blocks, err := f.pinned(size)
	if err != nil {
		return Object{}, err
	}
	var object Object
	f.engine.inFlight.Add(1)
	err = f.engine.inTurn(context.Background(), f, nil, size, func(ctx context.Context) (err error) {
		object, err = f.engine.store.PutObject(ctx, key, attrs, body, cond)
		return err
	})
	f.engine.inFlight.Add(-1)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unpin(blocks)
	if err == nil {
		f.bytesSent += size
	}
	return object, err
}

// pinned gathers the first size bytes for sending; their blocks stay until they
// are unpinned.
func (f *File) pinned(size int64) (body Body, blocks []*block, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.alive(); err != nil {
		return body, nil, err
	}
	body, blocks = f.body(0, size), f.within(0, size)
	pin(blocks)
	return body, blocks, nil
}

// sendRest makes parts of everything that is none yet, and sends again those
// that changed; it returns when S3 holds them all. Where the part numbers do
// not suffice the file is folded first. op is held.
func (f *File) sendRest() error {
	for folded := int64(0); ; {
		f.resend()
		segments, made := f.unmade()
		pieces := plan(segments, made+1, f.engine.o)
		if f.fits(pieces, made) {
			return f.sendPieces(pieces)
		}
		to, err := f.fold(pieces, made, folded)
		if err != nil {
			return err
		}
		folded = to
	}
}

// sendPieces makes parts of pieces and waits until S3 holds all parts; op is
// held.
func (f *File) sendPieces(pieces []piece) error {
	if err := f.emitAll(pieces); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.quiet()
}

// emitAll makes pieces the next parts; op is held.
func (f *File) emitAll(pieces []piece) error {
	for _, x := range pieces {
		release := func() {}
		if x.src == nil {
			var err error
			if release, err = f.fill(x.lo, x.hi); err != nil {
				return f.failWith(err)
			}
		}
		err := f.Err()
		if err == nil {
			f.emit(x)
		}
		release()
		if err != nil {
			return err
		}
	}
	return nil
}

// resend sends the parts again that changed since S3 took them, and tells how
// many; op is held.
func (f *File) resend() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.upload == nil {
		return 0
	}
	for _, p := range f.upload.parts {
		if p.state == outdated {
			f.send(p)
			n++
		}
	}
	return n
}

// complete puts the upload together; op is held and nothing is in flight.
func (f *File) complete() (Object, error) {
	u, parts, c, err := f.completion()
	if err != nil {
		return Object{}, err
	}
	object, err := f.engine.store.CompleteMultipartUpload(context.Background(), u.id, parts, c)
	object.Attributes = u.attrs // the answer tells none
	return object, err
}

// completion is what S3 puts together, and verifies.
func (f *File) completion() (u *upload, parts []Part, c Completion, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.alive(); err != nil {
		return nil, nil, c, err
	}
	u = f.upload
	c = Completion{Size: u.cursor, Checksum: Checksum{Algorithm: u.id.Checksum}, Condition: f.condition()}
	parts = make([]Part, len(u.parts))
	for i, p := range u.parts {
		parts[i] = p.result
		parts[i].Size = p.hi - p.lo
		if sum := p.result.Checksum; sum.Algorithm == c.Checksum.Algorithm {
			c.Checksum.Value = c.Checksum.Algorithm.Combine(c.Checksum.Value, sum.Value, p.hi-p.lo)
		} else {
			c.Checksum = Checksum{}
		}
	}
	return u, parts, c, nil
}

// Drain sends what can be parts already, and again those that changed, waits
// until S3 holds them all, and gives the latched error. It publishes nothing;
// what is too short for a part stays in memory.
func (f *File) Drain() (err error) {
	f.op.Lock()
	defer f.op.Unlock()
	defer f.latch(&err)
	if f.Dirty() && !f.nameless() {
		f.resend()
		if _, err := f.emitEarly(); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.quiet()
}

// isStale tells whether err says that what we meant to change or copy has been
// replaced or removed by another writer.
func isStale(err error) bool {
	return errors.Is(err, ErrPrecondition) || errors.Is(err, ErrNotFound)
}
