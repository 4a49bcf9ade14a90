package fs

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/s3mpfs/s3mpfs/writer"
)

// current is the content, nil if there is none.
func (f *file) current() *writer.File {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.content
}

// changeable gives the content, begun on the present object if need be. f.io
// is read-held.
func (f *file) changeable() (*writer.File, error) {
	if c := f.current(); c != nil {
		return c, nil
	}
	f.starting.Lock()
	defer f.starting.Unlock()
	if c := f.current(); c != nil {
		return c, nil
	}
	unlinked := f.isUnlinked()
	if unlinked && !f.isAside() {
		return nil, writer.ErrUnlinked
	}
	base, err := f.base()
	if err == nil {
		base, err = f.tree.withTags(base)
	}
	if err != nil {
		return nil, stale(err)
	}
	f.accept(base)
	c := f.tree.engine.Open(base, writer.FileOptions{Attributes: f.attributes()})
	if unlinked {
		_ = c.Unlink(func() (*writer.Object, error) { return nil, nil }) // the object is gone already
	}
	f.install(c)
	return c, nil
}

// base is the present object with its attributes, which a new version or a
// copy of it must be given. If S3 has another by now it is [writer.ErrStale].
func (f *file) base() (writer.Object, error) {
	if c := f.current(); c != nil {
		f.published(c)
	}
	f.mu.Lock()
	object, headed := f.object, f.headed
	f.mu.Unlock()
	if headed {
		return object, nil
	}
	now, err := f.tree.bucket.HeadObject(f.tree.ctx, f.currentKey())
	if err != nil {
		return object, err
	}
	if now.ETag != object.ETag {
		return object, writer.ErrStale
	}
	f.accept(now)
	return now, nil
}

// install makes c the content.
func (f *file) install(c *writer.File) {
	f.mu.Lock()
	f.content, f.told, f.counted, f.logged = c, false, false, ""
	f.cached = "" // the kernel may cache what is never published
	f.mu.Unlock()
	f.tree.addOpen(f)
}

// touch gives the file the time of a write.
func (f *file) touch() {
	f.mu.Lock()
	before, c := f.meta, f.content
	f.meta.touch(time.Now())
	changed := before.set != f.meta.set || before.written != f.meta.written
	f.mu.Unlock()
	if c != nil && changed {
		c.SetAttributes(f.attributes())
	}
}

// disarm takes set-user-ID and set-group-ID away from a file that anybody but
// root changes, which the kernel leaves to us (FUSE_HANDLE_KILLPRIV_V2).
func (f *file) disarm(ctx context.Context) {
	if c, ok := fuse.FromContext(ctx); !ok || c.Uid == 0 {
		return
	}
	f.mu.Lock()
	before := f.meta.mode
	f.meta.disarm(f.tree.o.keeps())
	changed := f.meta.mode != before
	f.mu.Unlock()
	if changed {
		f.setLater()
		_ = f.NotifyContent(-1, 0) // its attributes alone: the kernel believes in the old mode otherwise
	}
}

// read reads from the content or from the object, into p if it must. f.io is
// read-held. The error is io.EOF where the file ends within p.
func (f *file) read(p []byte, off int64) (fuse.ReadResult, error) {
	for {
		c, r := f.contentOrReader()
		if c != nil {
			n, err := c.ReadAt(p, off)
			return fuse.ReadResultData(p[:n]), err
		}
		bytes, release, err := r.View(p, off)
		switch {
		case errors.Is(err, os.ErrClosed) && f.tree.ctx.Err() != nil:
			return nil, writer.ErrClosed // the mount has ended
		case errors.Is(err, os.ErrClosed) && f.forgetReader(r): // another begins anew
		case release == nil:
			return nil, err
		default:
			return newReply(bytes, release), err
		}
	}
}

// contentOrReader gives what to read from: the content, or else a reader of
// the object.
func (f *file) contentOrReader() (*writer.File, writer.ObjectReader) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.content == nil && f.reader == nil {
		f.reader = f.tree.engine.OpenReader(f.object)
	}
	return f.content, f.reader
}

// forgetReader drops a reader that was closed, and tells whether it was ours.
func (f *file) forgetReader(r writer.ObjectReader) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	ours := f.reader == r
	if ours {
		f.reader = nil
	}
	return ours
}

// publish makes the file durable and visible. f.io is held.
func (f *file) publish() error {
	c := f.current()
	if c == nil {
		return nil
	}
	if err := c.Publish(); err != nil {
		return err
	}
	f.published(c)
	return nil
}

// published takes note of the object that c became, which may have happened
// for want of memory or part numbers too. Of two publishes that end together
// the later one stays.
func (f *file) published(c *writer.File) {
	f.noting.Lock()
	defer f.noting.Unlock()
	object, ok := c.Object()
	if !ok || f.isUnlinked() {
		return
	}
	if object.Attributes.ContentType == "" {
		object.Attributes = c.Attributes()
	}
	f.mu.Lock()
	if f.content == c {
		f.setObject(object, true)
		f.listed, f.meta.written = time.Time{}, f.meta.written && c.Dirty()
	}
	f.mu.Unlock()
	f.tree.note(object.Key, entry{object: object}, false)
	f.reconcile()
}

// setSize is truncate(2) and ftruncate(2). Where nobody has the file open for
// writing nobody will close it either, so the new size is published at once.
func (f *file) setSize(size int64) syscall.Errno {
	f.io.RLock()
	changed, err := f.truncate(size)
	f.io.RUnlock()
	if changed {
		f.touch()
	}
	if ended := f.endUnlessOpen(); err == nil {
		err = ended
	}
	return f.fail("truncate", err)
}

// truncate cuts or extends, and tells whether there was anything to do. f.io is
// read-held.
func (f *file) truncate(size int64) (changed bool, err error) {
	f.mu.Lock()
	unchanged := f.content == nil && f.object.Size == size
	f.mu.Unlock()
	if unchanged {
		return false, nil
	}
	c, err := f.changeable()
	if err == nil {
		err = c.Truncate(size)
	}
	return err == nil, err
}

// restart empties the file at an open with O_TRUNC. Content that has failed is
// put aside: whoever has it open goes on being told, and nobody else.
func (f *file) restart() {
	f.io.Lock()
	defer f.io.Unlock()
	f.mu.Lock()
	old := f.content
	f.mu.Unlock()
	if old != nil && old.Err() == nil && old.Truncate(0) == nil {
		return
	}
	if old != nil {
		f.condemn(old.Err())
		f.release(old)
	}
	f.forgetAttributes()
	f.install(f.tree.engine.Create(f.currentKey(), writer.FileOptions{Attributes: f.attributes()}))
}

// forgetAttributes makes the next version a new file as far as its attributes
// go, but for mode and owner.
func (f *file) forgetAttributes() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.object.Attributes, f.headed, f.changes = writer.Attributes{}, false, changes{}
	f.meta.touch(time.Now())
}

// fail gives the errno for err and writes the one line about each failure.
func (f *file) fail(op string, err error) syscall.Errno {
	if err == nil {
		return 0
	}
	f.mu.Lock()
	if !f.told && !f.counted && f.content != nil && f.content.Err() != nil {
		f.tree.told.Add(1)
	}
	f.told = true
	again := f.logged == err.Error()
	f.logged = err.Error()
	c := f.content
	f.mu.Unlock()
	if again || dropped(err) {
		return errnoOf(err)
	}
	key := f.currentKey()
	attrs := append([]any{"path", f.tree.path(key)}, details(err)...)
	if c != nil {
		attrs = append(attrs, "upload_id", c.Status().UploadID)
	}
	f.tree.o.Log.Error(op+" failed", attrs...)
	return errnoOf(err)
}
