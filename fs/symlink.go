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

// maxTarget is the longest target of a symbolic link in bytes: PATH_MAX without
// the NUL at its end.
const maxTarget = 4095

// Symlink makes a symbolic link: an object that holds the target, with a mode
// that says so, as s3fs does it. Where modes are not kept there are none.
func (d *dir) Symlink(ctx context.Context, target, name string, out *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	defer d.tree.names.enter(d)()
	key, errno := d.freshKey(name)
	switch {
	case errno != 0:
		return nil, errno
	case d.tree.o.Preserve != PreserveAll:
		return nil, syscall.EPERM
	case len(target) > maxTarget:
		return nil, syscall.ENAMETOOLONG
	}
	f := d.tree.newFile(key, writer.Object{})
	f.meta.mode, f.meta.link, f.meta.mtime = 0o777, true, time.Now()
	f.meta.set |= hasMode
	f.own(ctx, d)
	attrs := f.attributes()
	attrs.ContentType = contentTypeOf("")
	body := writer.NewBody(d.tree.engine.Options().Checksum, []byte(target))
	object, err := d.tree.bucket.PutObject(d.tree.ctx, key, attrs, body, writer.Condition{IfNoneMatch: true})
	if errors.Is(err, writer.ErrPrecondition) || errors.Is(err, writer.ErrConflict) {
		return nil, d.taken()
	}
	if err != nil {
		return nil, d.tree.fail("symlink", key, err)
	}
	f.mu.Lock()
	f.setObject(object, true)
	f.target, f.targetOf = []byte(target), object.ETag
	f.mu.Unlock()
	d.tree.note(key, entry{object: object}, false)
	f.fill(&out.Attr)
	d.tree.show(f)
	return d.NewInode(ctx, f, gofuse.StableAttr{Mode: syscall.S_IFLNK}), 0
}

// Readlink gives the target, which is read once of each version.
func (f *file) Readlink(context.Context) ([]byte, syscall.Errno) {
	f.io.RLock()
	defer f.io.RUnlock()
	f.mu.Lock()
	object, target, known := f.object, f.target, f.targetOf == f.object.ETag
	f.mu.Unlock()
	if known && target != nil {
		return target, 0
	}
	if object.Size > maxTarget {
		return nil, syscall.EINVAL
	}
	target = make([]byte, object.Size)
	if err := f.tree.bucket.ReadRange(f.tree.ctx, object, 0, target); err != nil {
		return nil, f.fail("readlink", stale(err))
	}
	f.mu.Lock()
	f.target, f.targetOf = target, object.ETag
	f.mu.Unlock()
	return target, 0
}
