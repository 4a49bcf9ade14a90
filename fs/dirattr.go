package fs

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	gofuse "github.com/hanwen/go-fuse/v2/fs"

	"github.com/s3mpfs/s3mpfs/writer"
)

// A directory's attributes lie in the metadata of its marker object, which is
// made where there is none. They are only looked for below a directory that has
// attributes itself, or the mount's root: whoever stores some gives the
// directories above their mode, too. So the directories of other tools cost
// nothing. The first page of a directory's own listing tells whether there is a
// marker with metadata; the listing then serves whoever reads the directory
// next. Those of the root live as long as the mount.

// Setattr changes mode, owner and time.
func (d *dir) Setattr(ctx context.Context, _ gofuse.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if d.tree.o.ReadOnly {
		return syscall.EROFS
	}
	d.mu.Lock()
	changed := d.meta.change(in, d.tree.o.keeps(), false)
	d.mu.Unlock()
	if changed {
		d.setLater()
	}
	return d.Getattr(ctx, nil, out)
}

// setLater takes note that S3 does not have the attributes of d yet.
func (d *dir) setLater() {
	if d == d.tree.root {
		return
	}
	d.mu.Lock()
	d.pending = true
	d.mu.Unlock()
	d.tree.settleLater(d)
}

// knows tells whether there is no need to ask for the attributes of d.
func (d *dir) knows() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.pending || d.tree.fresh(d.asked)
}

// holdsAttributes tells whether directories below d can have attributes.
func (d *dir) holdsAttributes() bool {
	if d.tree.o.Preserve == PreserveNone {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d == d.tree.root || d.meta.set != 0 || d.tree.o.ForeignAttributes
}

// accept takes note of d's marker as S3 tells of it; without a key there is
// none, so that what this mount has put is still as good as anything.
func (d *dir) accept(marker writer.Object) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pending {
		return
	}
	d.asked = time.Now()
	if d.marker.Key != "" && marker.Key == "" {
		return
	}
	d.marker = writer.Object{} // it may be another
	now := posix{mode: d.tree.o.DirMode, uid: d.tree.o.UID, gid: d.tree.o.GID, mtime: d.tree.started}
	if marker.Key != "" {
		now.mtime = timeOf(marker)
	}
	if !d.tree.plain(marker) {
		now.take(marker.Attributes.Metadata, d.tree.o.keeps())
	}
	d.meta = now
}

// findMarker gives the marker of a directory with its attributes, if it has any.
func (t *Tree) findMarker(dirKey string) (writer.Object, error) {
	l := t.knownListing(dirKey)
	if l == nil || !l.believed() {
		l = t.listingOf(dirKey)
	}
	if l.count() == 0 {
		if _, err := l.page(0); err != nil {
			return writer.Object{}, err
		}
	}
	return t.headMarker(l.markerOf())
}

// askMarker is findMarker that leaves the directory unread.
func (t *Tree) askMarker(dirKey string) (writer.Object, error) {
	if l := t.knownListing(dirKey); l != nil && l.believed() && l.count() > 0 {
		return t.headMarker(l.markerOf())
	}
	objects, _, _, err := t.bucket.List(t.ctx, dirKey, "", "", 1)
	if err != nil || len(objects) == 0 || objects[0].Key != dirKey {
		return writer.Object{}, err
	}
	return t.headMarker(objects[0])
}

// headMarker completes what a listing told of a marker.
func (t *Tree) headMarker(marker writer.Object) (writer.Object, error) {
	if marker.Key == "" || t.plain(marker) {
		return marker, nil
	}
	object, err := t.bucket.HeadObject(t.ctx, marker.Key)
	if errors.Is(err, writer.ErrNotFound) {
		return writer.Object{}, nil
	}
	return object, err
}

// markerOf is the directory's own marker in what was read so far.
func (l *listing) markerOf() writer.Object {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.marker
}

// setMarker takes note of the marker that this mount has put.
func (l *listing) setMarker(marker writer.Object) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marker = marker
}

// storeAttributes puts the marker of d, unless the directory is gone.
func (d *dir) storeAttributes() error {
	d.mu.Lock()
	pending := d.pending
	d.mu.Unlock()
	if !pending {
		return nil
	}
	d.tree.settled(d)
	err := d.putAttributes()
	if errors.Is(err, writer.ErrPrecondition) { // somebody else has changed the marker
		err = d.putAttributes()
	}
	if err != nil {
		d.mu.Lock()
		d.pending = false
		d.mu.Unlock()
		d.tree.o.Log.Error("mode, owner or time of a directory are lost",
			append([]any{"path", d.tree.path(d.currentKey())}, details(err)...)...)
		d.tree.mu.Lock()
		d.tree.failed = append(d.tree.failed, Failure{d.tree.path(d.key), err})
		d.tree.mu.Unlock()
		return err
	}
	return d.markAbove()
}

// markAbove makes the attributes of d be found from the root.
func (d *dir) markAbove() error {
	_, parent := d.Parent()
	above, ok := operations[*dir](parent)
	if !ok || above.holdsAttributes() && !above.isPending() {
		return nil
	}
	above.mu.Lock()
	above.meta.set |= hasMode
	above.mu.Unlock()
	above.setLater()
	return above.storeAttributes()
}

func (d *dir) isPending() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.pending
}

func (d *dir) putAttributes() error {
	defer d.tree.names.enter(d)()
	d.storing.Lock()
	defer d.storing.Unlock()
	if !d.isPending() { // it was removed meanwhile
		return nil
	}
	key := d.currentKey()
	base, cond, err := d.base(key)
	if err != nil {
		return ignoreGone(err)
	}
	d.mu.Lock()
	attrs := base.Attributes
	attrs.Metadata = d.meta.into(attrs.Metadata, syscall.S_IFDIR)
	delete(attrs.Metadata, renameKey) // no rename is under way that this mount knows of
	d.pending, d.marker = false, writer.Object{}
	d.mu.Unlock()
	marker, err := d.tree.putMarker(key, attrs, cond)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.pending = true
		return err
	}
	d.marker, d.asked = marker, time.Now()
	return nil
}

// ignoreGone: a directory that is gone needs no attributes.
func ignoreGone(err error) error {
	if errors.Is(err, writer.ErrNotFound) {
		return nil
	}
	return err
}

// forgetAttributes drops what is pending of a directory that is removed.
func (d *dir) forgetAttributes() {
	d.mu.Lock()
	d.pending = false
	d.mu.Unlock()
	d.tree.settled(d)
}

// forgetMarker says that the marker is not known any more.
func (d *dir) forgetMarker() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.marker = writer.Object{}
}

// base is the marker to be replaced, with the condition that it is still that.
// There is none of a directory that is gone, upon which it is
// [writer.ErrNotFound].
func (d *dir) base(key string) (writer.Object, writer.Condition, error) {
	d.mu.Lock()
	marker := d.marker
	d.mu.Unlock()
	var err error
	if marker.Key != key {
		marker, err = d.tree.bucket.HeadObject(d.tree.ctx, key)
	}
	switch {
	case err == nil:
		marker, err = d.tree.withTags(marker)
		return marker, writer.Condition{IfMatch: marker.ETag}, err
	case !errors.Is(err, writer.ErrNotFound):
		return marker, writer.Condition{}, err
	}
	if _, empty, err := d.tree.inspect(key); err != nil || empty && !d.tree.keeps(key) {
		return marker, writer.Condition{}, errors.Join(err, writer.ErrNotFound)
	}
	return writer.Object{Attributes: writer.Attributes{ContentType: markerType}}, writer.Condition{IfNoneMatch: true}, nil
}

func (t *Tree) keeps(dirKey string) bool {
	parent, name := split(dirKey)
	return t.isKept(parent, name)
}
