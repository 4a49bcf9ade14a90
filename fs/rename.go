package fs

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"time"
	"weak"

	"golang.org/x/sys/unix"

	gofuse "github.com/hanwen/go-fuse/v2/fs"

	"github.com/s3mpfs/s3mpfs/writer"
)

// Rename moves a file or a directory. S3 has no such operation: each object is
// copied within S3, and deleted only when the copy is there. A file that has
// not begun its upload only changes its key.
func (d *dir) Rename(_ context.Context, name string, newParent gofuse.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	target, ok := newParent.(*dir)
	if !ok || flags&^unix.RENAME_NOREPLACE != 0 {
		return syscall.EINVAL
	}
	defer d.tree.names.enter(d, target)()
	key, errno := d.newKey(name)
	if errno != 0 {
		return errno
	}
	to, errno := target.freshKey(newName)
	if errno != 0 {
		return errno
	}
	if child, ok := operations[*dir](d.GetChild(name)); ok {
		errno = d.tree.renameDir(child, target, newName)
		key += "/"
	} else if f := d.file(name); f != nil {
		errno = f.fail("rename", d.tree.renameFile(f, to, target.file(newName), flags != 0))
	} else {
		errno = syscall.ENOENT
	}
	if errno == 0 {
		d.removed(key)
	}
	return errno
}

// renameFile moves f to the key to, where the file replaced may be known.
func (t *Tree) renameFile(f *file, to string, replaced *file, noReplace bool) error {
	f.copied.Lock()
	defer f.copied.Unlock()
	if replaced != nil && replaced != f {
		replaced.copied.Lock()
		defer replaced.copied.Unlock()
	}
	f.io.Lock()
	defer f.io.Unlock()
	return t.renameHeld(f, to, replaced, noReplace)
}

// renameHeld is renameFile for files whose copied is write-held, and f's io.
func (t *Tree) renameHeld(f *file, to string, replaced *file, noReplace bool) error {
	if replaced == nil || replaced == f {
		return t.rename(f, to, nil, noReplace)
	}
	replaced.io.Lock()
	defer replaced.io.Unlock()
	return replaced.loseName(func() error { return t.rename(f, to, replaced, noReplace) })
}

// rename gives f, whose io is write-held, another key.
func (t *Tree) rename(f *file, to string, replaced *file, noReplace bool) error {
	if c := f.current(); c != nil && !f.covering() {
		if noReplace {
			if err := t.absent(to); err != nil {
				return err
			}
		}
		attrs := f.attributesAs(to)
		if c.Rename(to, noReplace) != nil { // it has begun
			return t.copyFile(f, to, replaced, noReplace)
		}
		c.SetAttributes(attrs)
		f.cover(replaced)
		replaced.orphan(f)
		t.moved(f, to)
		t.note(to, entry{}, false)
		return nil
	}
	return t.copyFile(f, to, replaced, noReplace)
}

// cover notes that a file without an object has taken the name of one that may
// have one, which stays until the file is published.
func (f *file) cover(replaced *file) {
	covers := replaced.covering()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.covers = covers
}

// absent is [writer.ErrExists] if there is something under a key.
func (t *Tree) absent(key string) error {
	dirKey, name := split(key)
	_, err := t.ask(dirKey, name)
	switch {
	case err == nil:
		return writer.ErrExists
	case errors.Is(err, writer.ErrNotFound):
		return nil
	}
	return err
}

// copyFile moves f by a copy. f.io is write-held.
func (t *Tree) copyFile(f *file, to string, replaced *file, noReplace bool) error {
	if err := f.settle(); err != nil {
		return err
	}
	src, err := f.base()
	if err != nil {
		return err
	}
	attrs := f.attributesAs(to)
	cond := writer.Condition{IfNoneMatch: noReplace}
	object, err := t.move(src, to, cond)
	moved := err == nil
	if errors.Is(err, writer.ErrUnsupported) {
		f.keepTime()
		attrs = f.attributesAs(to)
		object, err = t.copy(src, to, attrs, cond)
	}
	if noReplace && errors.Is(err, writer.ErrPrecondition) && t.absent(to) != nil {
		err = writer.ErrExists
	}
	if err != nil {
		return err
	}
	replaced.orphan(f)
	if !moved {
		if err := t.bucket.DeleteObject(t.ctx, src.Key); err != nil {
			replaced.lookAgain()
			return err
		}
	}
	if object.Attributes.ContentType == "" {
		object.Attributes = attrs
	}
	t.moved(f, to)
	f.relocate(object)
	t.note(to, entry{object: object}, false)
	return nil
}

// settle publishes what f has before its object is copied. f.io is
// write-held.
func (f *file) settle() error {
	c := f.current()
	switch {
	case c == nil:
		return nil
	case c.Err() != nil:
		return c.Err()
	case c.Dirty() && f.tree.engine.Options().Atomic && !f.closed():
		return writer.ErrAtomic
	}
	return f.publish()
}

func (f *file) closed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writers == 0
}

// lookAgain makes the next lookup of the name of a file that has lost it find
// what has it now.
func (f *file) lookAgain() {
	if f == nil {
		return
	}
	f.tree.mu.Lock()
	f.heir = weak.Pointer[file]{}
	f.tree.mu.Unlock()
	if name, parent := f.Parent(); parent != nil {
		parent.RmChild(name)
	}
}

// attributesAs are the attributes for the file under another key: its content
// type follows from the new name, if it followed from the old one.
func (f *file) attributesAs(key string) writer.Attributes {
	a := f.attributes()
	if a.ContentType == f.tree.contentType(f.currentKey()) {
		a.ContentType = f.tree.contentType(key)
	}
	return a
}

// moved gives f another key.
func (t *Tree) moved(f *file, to string) {
	t.mu.Lock()
	t.removeOpenLocked(f)
	f.key = to
	t.mu.Unlock()
	if f.current() != nil {
		t.addOpen(f)
	}
}

// relocate makes f go on with its object under another key. f.io is
// write-held.
func (f *file) relocate(object writer.Object) {
	old := f.current()
	f.mu.Lock()
	headed := f.headed
	f.mu.Unlock()
	if object.Attributes.ContentType == "" && headed {
		object.Attributes = f.attributesAs(object.Key)
	}
	f.mu.Lock()
	f.setObject(object, headed || object.Attributes.ContentType != "")
	f.listed = object.LastModified
	f.mu.Unlock()
	defer f.reconcile()
	if old == nil {
		return
	}
	if old.Moved(object) == nil {
		old.SetAttributes(object.Attributes)
		return
	}
	f.release(old)
	f.install(f.tree.engine.Open(object, writer.FileOptions{Attributes: object.Attributes}))
}

// move gives an object another key in one step, which directory buckets can;
// all others [writer.ErrUnsupported].
func (t *Tree) move(src writer.Object, to string, cond writer.Condition) (writer.Object, error) {
	return t.moveWithin(t.ctx, src, to, cond)
}

func (t *Tree) moveWithin(ctx context.Context, src writer.Object, to string, cond writer.Condition) (writer.Object, error) {
	if strings.HasSuffix(src.Key, "/") {
		return writer.Object{}, writer.ErrUnsupported
	}
	err := t.bucket.RenameObject(ctx, src, to, cond)
	src.Key = to
	return src, err
}

// keepTime makes a copy that is to be the same file keep its time, unless S3's
// time of the copy will be as good.
func (f *file) keepTime() {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, stored := f.object.Attributes.Metadata[timeKey]
	if f.tree.keepsTime(f.meta.mtime) && (!stored || f.meta.written) {
		f.meta.set, f.meta.written = f.meta.set|hasTime, false
	}
}

// keepsTime tells whether a time is worth to be kept with a copy made now.
func (t *Tree) keepsTime(mtime time.Time) bool {
	return t.o.keeps()&hasTime != 0 && time.Since(mtime).Abs() > 2*time.Second
}

// withTags completes what a HEAD told of an object. CopyObject keeps the tags
// by itself, an upload must be given them.
func (t *Tree) withTags(object writer.Object) (writer.Object, error) {
	if object.TagCount == 0 || object.Attributes.Tags != nil {
		return object, nil
	}
	tags, err := t.bucket.Tags(t.ctx, object.Key)
	object.Attributes.Tags = tags
	return object, err
}

// copy makes an object of another within S3. src must not have changed.
func (t *Tree) copy(src writer.Object, to string, attrs writer.Attributes, cond writer.Condition) (writer.Object, error) {
	if src.Size <= t.engine.Options().Limits.MaxCopy {
		return t.bucket.CopyObject(t.ctx, src, to, attrs, cond)
	}
	tagged, err := t.withTags(src)
	if err != nil {
		return writer.Object{}, err
	}
	attrs.Tags = tagged.Attributes.Tags
	return copyInParts(t.engine.Create(to, writer.FileOptions{Attributes: attrs, Exclusive: cond.IfNoneMatch}), src)
}

// copyInParts makes f, which it releases, a copy of an object that is too large
// for one request.
func copyInParts(f *writer.File, src writer.Object) (writer.Object, error) {
	if err := f.CopyFrom(src, 0, 0, src.Size); err != nil {
		_ = f.Discard()
		_ = f.Release()
		return writer.Object{}, err
	}
	if err := f.Close(); err != nil {
		return writer.Object{}, err
	}
	object, _ := f.Object()
	object.Attributes = f.Attributes()
	object.TagCount = len(object.Attributes.Tags)
	return object, nil
}
