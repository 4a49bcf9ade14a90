package fs

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/s3mpfs/s3mpfs/writer"
)

// Whoever has a file open that is removed, or whose name is given to another,
// goes on reading it, as POSIX has it. S3 has no such thing: the object is gone
// when its key is. So before it goes its bytes are put aside: in a bucket with
// versions they stay by themselves, elsewhere they are copied within S3 to a
// key of no name, which the mount deletes when the last descriptor is closed.

// AsideDir is the directory for such copies, at the root of the mount. No
// program sees it. A mount that dies leaves what is in it.
const AsideDir = ".s3mpfs-removed"

// lastCall is how long a descriptor that was flushed is given to be released:
// close(2) sends both, but waits for the first alone.
const lastCall = 50 * time.Millisecond

// putAside makes the present object of a file that somebody has open be
// readable without its key, and tells whether there is one. f.io is
// write-held. What cannot be put aside will be gone; the removal goes on.
func (f *file) putAside() (writer.Object, bool) {
	t := f.tree
	if !f.exists() || !f.isOpen() && !t.contended.recently(f.currentKey()) {
		return writer.Object{}, false
	}
	if c := f.current(); c != nil {
		if _, ok := c.Object(); !ok { // it was emptied: nothing is read of what the key has
			return writer.Object{}, false
		}
	}
	object, err := f.base()
	if err != nil { // it is not there any more, or cannot be had
		return writer.Object{}, false
	}
	if v := object.VersionID; v != "" && v != "null" {
		object.ByVersion = true
		return object, true
	}
	attrs := object.Attributes
	object, err = t.copy(object, t.o.Prefix+AsideDir+"/"+rand.Text(), attrs, writer.Condition{})
	if err != nil {
		t.o.Log.Warn("who has a removed file open cannot read it any more", "path", t.path(f.currentKey()), "error", err)
		return writer.Object{}, false
	}
	object.Attributes = attrs
	return object, true
}

// isOpen tells whether a program has the file open.
func (f *file) isOpen() bool {
	for until := time.Now().Add(lastCall); ; time.Sleep(time.Millisecond) {
		f.mu.Lock()
		open, closing := len(f.handles), 0
		if f.opening > 0 {
			f.mu.Unlock()
			return true
		}
		for h := range f.handles {
			if h.flushed {
				closing++
			}
		}
		f.mu.Unlock()
		if open == 0 || closing < open || time.Now().After(until) {
			return open > 0
		}
	}
}

// setAside makes f, which has lost its name, go on with what was put aside.
// f.io is write-held.
func (f *file) setAside(object writer.Object) {
	f.mu.Lock()
	f.setObject(object, true)
	f.aside = &object
	f.mu.Unlock()
	f.tree.mu.Lock()
	defer f.tree.mu.Unlock()
	f.tree.orphans[f] = struct{}{}
}

// hideAside logs, once, copies that no descriptor of this mount needs.
func (t *Tree) hideAside(key string) {
	t.mu.RLock()
	ours := len(t.orphans) > 0
	t.mu.RUnlock()
	if !ours {
		t.hide(key, "copies of removed files that a mount keeps for those who have them open; delete them if there is none")
	}
}

// isAside tells whether f goes on without a name.
func (f *file) isAside() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.aside != nil
}

// dropAside deletes what was put aside, when nobody has f open any more. Where a
// name is opened and replaced all the time that waits: an open may be under way.
func (f *file) dropAside() {
	if f.tree.contended.recently(f.currentKey()) {
		time.AfterFunc(contention, f.dropAsideNow)
	} else {
		f.dropAsideNow()
	}
}

func (f *file) dropAsideNow() {
	if f.endAside(func() bool { return len(f.handles)+f.opening == 0 }) {
		f.tree.removeOpen(f)
	}
}

// endAside deletes what was put aside if that may be, which is asked under mu, and
// tells whether there was anything.
func (f *file) endAside(may func() bool) bool {
	var aside *writer.Object
	f.mu.Lock()
	if may() {
		aside, f.aside = f.aside, nil
	}
	f.mu.Unlock()
	if aside != nil {
		f.tree.deleteAside(*aside)
	}
	return aside != nil
}

// always is for endAside at the end of the mount.
func always() bool { return true }

// deleteAside deletes what nobody needs any more. It does so too when the mount
// has ended.
func (t *Tree) deleteAside(object writer.Object) {
	if object.ByVersion {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleanUp)
	defer cancel()
	if err := t.bucket.DeleteObject(ctx, object.Key); err != nil {
		t.o.Log.Error("the copy of a removed file is left behind: delete it", "key", object.Key, "error", err)
	}
}
