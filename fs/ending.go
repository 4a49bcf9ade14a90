package fs

import (
	"errors"
	"time"

	"github.com/s3mpfs/s3mpfs/writer"
)

// condemn makes the present handles report err for good.
func (f *file) condemn(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for h := range f.handles {
		if h.writes {
			h.dead = err
		}
	}
}

// endUnlessOpen publishes and gives the content up once no handle may write any
// more.
func (f *file) endUnlessOpen() error {
	if f.inUse() {
		return nil
	}
	f.io.RLock()
	err := f.publishUnlessOpen()
	f.io.RUnlock()
	f.io.Lock()
	defer f.io.Unlock()
	if f.inUse() {
		return err
	}
	c := f.current()
	if c.Err() == nil && c.Dirty() && !f.isUnlinked() { // changed in between
		err = f.publish()
	}
	f.release(c)
	if !f.hasPending() {
		f.leaveOpen()
	}
	if !f.exists() && !f.isUnlinked() {
		f.tree.note(f.currentKey(), entry{}, true)
	}
	return err
}

// leaveOpen takes f from the open files, and tells its directory's listing what S3
// has of it: one that was begun just before knows only that it was open. f.io is
// write-held.
func (f *file) leaveOpen() {
	f.tree.removeOpen(f)
	f.mu.Lock()
	object := f.object
	f.mu.Unlock()
	if object.Key != "" && !f.isUnlinked() {
		f.tree.note(object.Key, entry{object: object}, false)
	}
}

// inUse tells whether there is nothing to end, or not yet: who only reads needs
// the content of a file without a name, which is nowhere else.
func (f *file) inUse() bool {
	unlinked := f.isUnlinked()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.content == nil || f.writers > 0 || unlinked && len(f.handles) > 0
}

func (f *file) publishUnlessOpen() error {
	if f.inUse() || f.isUnlinked() {
		return nil
	}
	if err := f.current().Err(); err != nil {
		return err
	}
	return f.publish()
}

// release ends the use of c. f.io is write-held. What is not published is
// lost, which whoever calls has seen to.
func (f *file) release(c *writer.File) {
	f.published(c)
	err := c.Release() // was or will be told
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.content == c {
		f.content = nil
	}
	if err != nil {
		f.asked = time.Time{} // it may be that somebody else changed the object
	}
}

// finalise publishes at the end of the mount, and keeps account of what fails.
func (f *file) finalise() {
	f.io.RLock()
	defer f.io.RUnlock()
	c := f.current()
	if c == nil || f.isUnlinked() || dropped(c.Err()) {
		return
	}
	f.mu.Lock()
	told := f.told
	f.mu.Unlock()
	if err := f.publish(); err != nil {
		if !told {
			f.count(err)
		}
		f.fail("finalise", err)
	}
}

// count puts a failure into the account that Finalise gives, once.
func (f *file) count(err error) {
	f.mu.Lock()
	again := f.counted
	f.counted = true
	f.mu.Unlock()
	if !again {
		f.tree.addFailure(f, err)
	}
}

// dropped tells whether the unpublished bytes were given up on purpose.
func dropped(err error) bool { return errors.Is(err, writer.ErrDiscarded) }

// drop gives up everything, at the end of the mount.
func (f *file) drop() {
	f.io.Lock()
	defer f.io.Unlock()
	f.condemn(writer.ErrClosed)
	if c := f.current(); c != nil {
		f.release(c)
	}
	f.tree.removeOpen(f)
	f.dropReaders()
	f.endAside(always)
}

// dropReaders gives back the memory of reading. f.io is write-held.
func (f *file) dropReaders() {
	f.mu.Lock()
	readers := append(f.retired, f.reader)
	f.reader, f.retired = nil, nil
	f.mu.Unlock()
	for _, r := range readers {
		if r != nil {
			r.Close()
		}
	}
}
