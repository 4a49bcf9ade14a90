package fs

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"syscall"
	"weak"

	"golang.org/x/sync/errgroup"

	"github.com/s3mpfs/s3mpfs/writer"
)

// Rmdir removes a directory that holds nothing but its marker.
func (d *dir) Rmdir(_ context.Context, name string) syscall.Errno {
	defer d.tree.names.enter(d)()
	key, errno := d.newKey(name)
	if errno != 0 {
		return errno
	}
	key += "/"
	return d.loseDir(name, func() syscall.Errno { return d.rmdir(key) })
}

func (d *dir) rmdir(key string) syscall.Errno {
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
	d.removed(key)
	return 0
}

// loseDir calls take, which is to remove or replace the directory of a name, while
// no attributes of it are stored. Those that are pending go with it.
func (d *dir) loseDir(name string, take func() syscall.Errno) syscall.Errno {
	child, known := operations[*dir](d.GetChild(name))
	if !known {
		return take()
	}
	child.storing.Lock()
	defer child.storing.Unlock()
	errno := take()
	if errno == 0 {
		child.forgetAttributes()
	}
	return errno
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
// else. What this mount is writing there is looked for first: it may be in S3, and
// no longer here, when S3 has answered.
func (t *Tree) inspect(dirKey string) (marked, empty bool, err error) {
	local := t.local(dirKey)
	objects, _, _, err := t.bucket.List(t.ctx, dirKey, "", "", 2)
	if err != nil {
		return false, false, err
	}
	marked = len(objects) > 0 && objects[0].Key == dirKey
	others := len(objects)
	if marked {
		others--
	}
	return marked, others == 0 && !local && !t.local(dirKey), nil
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

// unlink removes the object; what is not published never will be, while whoever
// has the file open goes on with it.
func (f *file) unlink() error {
	f.copied.Lock()
	defer f.copied.Unlock()
	f.io.Lock()
	defer f.io.Unlock()
	return f.loseName(func() error {
		if f.covering() {
			if err := f.tree.bucket.DeleteObject(f.tree.ctx, f.currentKey()); err != nil {
				return err
			}
		}
		f.orphan(nil)
		return nil
	})
}

// loseName calls take, which is to remove or replace the object of f and then
// to orphan f, while nothing of f is published. Who has the file open goes on
// with it. f.io is write-held.
func (f *file) loseName(take func() error) error {
	f.setLosing(true)
	defer f.setLosing(false)
	var failure error
	lose := func() (*writer.Object, error) {
		aside, ok := f.putAside()
		failure = take()
		switch {
		case !f.isUnlinked():
			if ok {
				f.tree.deleteAside(aside)
			}
			return nil, failure
		case !ok:
			return nil, nil
		}
		f.setAside(aside)
		return &aside, nil
	}
	if c := f.current(); c != nil {
		_ = c.Unlink(lose) // failure
	} else {
		_, _ = lose()
	}
	f.dropAside() // who had it open may have closed it meanwhile
	return failure
}

func (f *file) setLosing(losing bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.losing = losing
}

// orphan takes the file's name away, and gives it to heir, if there is one; nil
// has none.
func (f *file) orphan(heir *file) {
	if f == nil {
		return
	}
	changed := f.current() != nil
	f.tree.mu.Lock()
	defer f.tree.mu.Unlock()
	f.tree.removeOpenLocked(f)
	f.unlinked, f.heir = true, weak.Make(heir)
	if changed {
		f.tree.orphans[f] = struct{}{}
	}
}

// holder is the file that has the name of f, which may have lost it to another;
// nil if none has.
func (f *file) holder() *file {
	if f == nil {
		return nil
	}
	f.tree.mu.RLock()
	defer f.tree.mu.RUnlock()
	for f != nil && f.unlinked {
		f = f.heir.Value()
	}
	return f
}

// bottomUp has objects removed in parallel, but the marker of a directory after
// what lies below it: a store that keeps objects as files (versitygw 1.8) leaves
// a directory behind, and refuses an object of its name, if both go at once.
func bottomUp(objects []writer.Object, remove func(writer.Object) error) error {
	depth := func(o writer.Object) int {
		if !strings.HasSuffix(o.Key, "/") {
			return math.MaxInt
		}
		return strings.Count(o.Key, "/")
	}
	sorted := slices.SortedStableFunc(slices.Values(objects), func(a, b writer.Object) int { return cmp.Compare(depth(b), depth(a)) })
	var errs []error
	for len(sorted) > 0 {
		n := 1
		for n < len(sorted) && depth(sorted[n]) == depth(sorted[0]) {
			n++
		}
		var work errgroup.Group
		work.SetLimit(renameParallel)
		for _, o := range sorted[:n] {
			work.Go(func() error { return remove(o) })
		}
		errs = append(errs, work.Wait())
		sorted = sorted[n:]
	}
	return errors.Join(errs...)
}
