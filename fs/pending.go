package fs

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/panics"
	"github.com/s3mpfs/s3mpfs/writer"
)

// Attributes travel with the request that makes the object, and S3 never
// changes them afterwards except by a copy. Those that are set later, after
// close(2) or when an upload has begun, are pending: the next version takes
// them along, and so does a rename, which rsync does right after utimens(2).
// Else the object is copied onto itself, once, when nobody has set anything for
// Options.QuietTime, at fsync(2), and at the end of the mount. A file with
// pending attributes stays known to the tree as if it were open.

// setLater takes note that S3 does not have the attributes of f yet.
func (f *file) setLater() {
	f.mu.Lock()
	content := f.content
	f.mu.Unlock()
	if content != nil {
		content.SetAttributes(f.attributes())
		if !f.exists() || content.Dirty() {
			return // they come with the next version, or are seen to then
		}
	}
	if f.isUnlinked() {
		return
	}
	f.mu.Lock()
	f.pending = true
	f.mu.Unlock()
	f.tree.addOpen(f)
	f.tree.settleLater(f)
}

// settler is a node whose attributes S3 may not have.
type settler interface {
	// storeAttributes gives S3 the attributes that are pending.
	storeAttributes() error
}

// settleLater stores the attributes of f when nobody sets any for a while.
func (t *Tree) settleLater(f settler) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if timer := t.settling[f]; timer != nil {
		timer.Reset(t.o.QuietTime)
		return
	}
	t.settling[f] = time.AfterFunc(t.o.QuietTime, func() {
		t.behind.RLock()
		defer t.behind.RUnlock()
		var err error // which storeAttributes tells
		defer panics.Catch(t.o.Log, &err)
		err = t.store(f)
	})
}

// store stores the attributes of f when it is its turn: there may be thousands,
// as after chmod -R.
func (t *Tree) store(f settler) error {
	t.turns <- struct{}{}
	defer func() { <-t.turns }()
	t.mu.Lock()
	t.storing[f] = struct{}{}
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.storing, f)
	}()
	return f.storeAttributes()
}

// Pending is how many files and folders have attributes that S3 has yet to get.
func (t *Tree) Pending() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n := len(t.settling)
	for f := range t.storing {
		if t.settling[f] == nil {
			n++
		}
	}
	return n
}

// settled ends what settleLater began.
func (t *Tree) settled(f settler) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if timer := t.settling[f]; timer != nil {
		timer.Stop()
		delete(t.settling, f)
	}
}

// reconcile compares the attributes of the object that f has got with those
// that it should have.
func (f *file) reconcile() {
	want, unpublished := f.attributes(), false
	if c := f.current(); c != nil {
		unpublished = c.Dirty()
	}
	f.mu.Lock()
	pending := f.object.Key != "" && f.headed && !unpublished && !sameAttributes(want, f.object.Attributes)
	f.pending = pending
	if f.headed {
		f.changes.keepUnless(f.object.Attributes)
	}
	f.mu.Unlock()
	switch {
	case f.isUnlinked():
	case pending:
		f.tree.addOpen(f)
		f.tree.settleLater(f)
	default:
		f.tree.settled(f)
	}
}

// sameAttributes compares what a program can set.
func sameAttributes(a, b writer.Attributes) bool {
	return a.ContentType == b.ContentType && maps.Equal(a.Metadata, b.Metadata)
}

func (f *file) hasPending() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pending
}

// storeAttributes gives the object of f the attributes that are pending, unless
// there is a new version to come. What fails is logged and counted, and the
// file then shows what S3 has.
func (f *file) storeAttributes() error {
	if !f.hasPending() {
		return nil
	}
	f.copied.Lock()
	defer f.copied.Unlock()
	f.io.Lock()
	defer f.io.Unlock()
	c := f.current()
	if !f.hasPending() || f.isUnlinked() || c != nil && (c.Dirty() || c.Err() != nil) {
		return nil
	}
	f.tree.settled(f)
	err := f.copyOntoItself()
	if err != nil {
		f.giveUpAttributes(err)
	}
	if f.current() == nil {
		f.leaveOpen()
	}
	return err
}

// copyOntoItself is storeAttributes' request. The present object must still be
// the one that is known: nobody else's version is replaced, and none that was
// removed comes back. f.io is write-held.
func (f *file) copyOntoItself() error {
	src, err := f.base()
	if err != nil {
		return err
	}
	f.accept(src)
	attrs := f.attributes()
	if sameAttributes(attrs, src.Attributes) {
		f.reconcile()
		return nil
	}
	if src, err = f.tree.withTags(src); err != nil {
		return err
	}
	attrs.Tags = src.Attributes.Tags
	object, err := f.tree.copyOnto(src, attrs)
	if err != nil {
		return err
	}
	f.relocate(object)
	f.tree.note(object.Key, entry{object: object}, false)
	return nil
}

// copyOnto replaces an object by a copy of it with other attributes.
func (t *Tree) copyOnto(src writer.Object, attrs writer.Attributes) (writer.Object, error) {
	if src.Size <= t.engine.Options().Limits.MaxCopy {
		return t.bucket.CopyObject(t.ctx, src, src.Key, attrs, writer.Condition{IfMatch: src.ETag})
	}
	return copyInParts(t.engine.Open(src, writer.FileOptions{Attributes: attrs}), src)
}

// giveUpAttributes tells what became of attributes that cannot be stored. Where
// the object is gone there is nothing left to tell.
func (f *file) giveUpAttributes(err error) {
	f.mu.Lock()
	f.pending, f.changes = false, changes{}
	mtime, own := f.meta.mtime, f.meta.set&hasTime == 0
	f.meta = f.tree.posixOf(f.object)
	if own && f.meta.set&hasTime == 0 {
		f.meta.mtime = mtime
	}
	f.asked = time.Time{}
	f.mu.Unlock()
	if errors.Is(err, writer.ErrNotFound) {
		return
	}
	f.tree.o.Log.Error("modes, owners, times or extended attributes are lost",
		append([]any{"path", f.tree.path(f.currentKey())}, details(err)...)...)
	f.tree.addFailure(f, err)
}

// storeAllAttributes is for the end of the mount.
func (t *Tree) storeAllAttributes() (err error) {
	for all := t.unsettled(); len(all) > 0; all = t.unsettled() {
		err = errors.Join(err, t.each(len(all), func(i int) {
			defer t.settled(all[i])
			_ = t.store(all[i]) // which tells
		}))
	}
	return err
}

func (t *Tree) unsettled() []settler {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Collect(maps.Keys(t.settling))
}

// changes are metadata and the content type as programs have set them since the
// object was made.
type changes struct {
	metadata    map[string]string // an empty text: removed
	contentType string
}

func (c *changes) set(key, value string) {
	c.metadata = maps.Clone(c.metadata)
	if c.metadata == nil {
		c.metadata = map[string]string{}
	}
	c.metadata[key] = value
}

// over puts the changes into attributes, whose metadata is the caller's.
func (c *changes) over(a writer.Attributes) writer.Attributes {
	for key, value := range c.metadata {
		if value == "" {
			delete(a.Metadata, key)
		} else {
			a.Metadata[key] = value
		}
	}
	if c.contentType != "" {
		a.ContentType = c.contentType
	}
	return a
}

// keepUnless drops the changes that an object with these attributes has.
func (c *changes) keepUnless(a writer.Attributes) {
	if c.contentType == a.ContentType {
		c.contentType = ""
	}
	maps.DeleteFunc(c.metadata, func(key, value string) bool { return a.Metadata[key] == value })
}
