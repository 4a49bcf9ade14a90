package fs

import (
	"context"
	"syscall"
)

// Rmdir removes a directory that holds nothing but its marker.
func (d *dir) Rmdir(_ context.Context, name string) syscall.Errno {
	defer d.tree.names.enter(d)()
	key, errno := d.newKey(name)
	if errno != 0 {
		return errno
	}
	key += "/"
	marked, empty, err := d.tree.inspect(key)
	if err == nil && !empty {
		return syscall.ENOTEMPTY
	}
	if err == nil && marked {
		err = d.tree.bucket.DeleteObject(d.tree.ctx, key)
	}
	if err != nil {
		return d.tree.fail("rmdir", key, err)
	}
	d.tree.forgetListings(func(dirKey string) bool { return dirKey == key })
	if child, ok := operations[*dir](d.GetChild(name)); ok {
		child.forgetAttributes()
	}
	d.removed(key)
	return 0
}

// removed takes note that this mount removed a key of this directory, which
// stays visible even if that was its last.
func (d *dir) removed(key string) {
	dirKey, name := split(key)
	d.tree.forsake(dirKey, name)
	d.tree.note(key, entry{}, true)
	d.tree.keep(dirKey)
}

// inspect tells whether a directory has a marker and whether it holds anything
// else.
func (t *Tree) inspect(dirKey string) (marked, empty bool, err error) {
	objects, _, _, err := t.bucket.List(t.ctx, dirKey, "", "", 2)
	if err != nil {
		return false, false, err
	}
	marked = len(objects) > 0 && objects[0].Key == dirKey
	others := len(objects)
	if marked {
		others--
	}
	return marked, others == 0 && !t.local(dirKey), nil
}

// Unlink removes a file. What of it is not yet published never will be.
func (d *dir) Unlink(_ context.Context, name string) syscall.Errno {
	defer d.tree.names.enter(d)()
	key, errno := d.newKey(name)
	if errno != 0 {
		return errno
	}
	var err error
	if f := d.file(name); f != nil {
		err = f.unlink()
	} else {
		err = d.tree.bucket.DeleteObject(d.tree.ctx, key)
	}
	if err != nil {
		return d.tree.fail("unlink", key, err)
	}
	d.removed(key)
	return 0
}
