package fs

import (
	"context"
	"errors"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sync/errgroup"

	gofuse "github.com/hanwen/go-fuse/v2/fs"

	"github.com/s3mpfs/s3mpfs/internal/panics"
	"github.com/s3mpfs/s3mpfs/writer"
)

// Lookup finds a name: first among the files that this mount is writing, then
// in a listing that is still believed, then by asking S3.
func (d *dir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	key, errno := d.childKey(name)
	if errno != 0 {
		return nil, errno
	}
	if name == AsideDir {
		return nil, syscall.ENOENT
	}
	dirKey, _ := split(key)
	if f := d.local(name); f != nil {
		f.fill(&out.Attr)
		return d.NewInode(ctx, f, f.stable()), 0
	}
	begun := time.Now()
	e, err := d.tree.find(dirKey, name)
	if err == nil {
		e, err = d.complete(e)
	}
	if errors.Is(err, writer.ErrInvalid) && !utf8.ValidString(name) {
		return nil, syscall.ENOENT // no key has such a name
	}
	if errors.Is(err, writer.ErrNotFound) { // and nobody can open it to be told why
		if errno := d.tree.tell(key); errno != 0 {
			return nil, errno
		}
	}
	if err != nil {
		return nil, d.tree.fail("lookup", key, err)
	}
	if f := d.file(name); f != nil && f.learnedSince(begun) {
		f.fill(&out.Attr)
		return d.NewInode(ctx, f, f.stable()), 0
	}
	return d.adopt(ctx, e, &out.Attr), 0
}

// learnedSince tells whether the object of f is known from later than a time, so
// that what S3 was asked then may be older: this mount may have replaced it.
func (f *file) learnedSince(begun time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.object.Key != "" && f.asked.After(begun)
}

// local is the file of which S3 need not be asked: what this mount writes, or
// renames. The child that lost its name to that is there until the kernel has
// its answer.
func (d *dir) local(name string) *file {
	if f := d.tree.openFile(d.currentKey(), name); f != nil {
		return f
	}
	if f, ok := operations[*file](d.GetChild(name)); ok && f.isUnlinked() {
		return f.holder()
	}
	return nil
}

// find tells what S3 has under a name, or [writer.ErrNotFound].
func (t *Tree) find(dirKey, name string) (entry, error) {
	own := t.knownListing(dirKey + name + "/")
	if own.showsSomething() && own.believed() {
		return entry{name: name, dir: true}, nil
	}
	if l := t.knownListing(dirKey); l != nil {
		if !l.believed() && l.worthRenewing() {
			l = t.newListing(dirKey)
			if err := l.readAll(); err != nil {
				return entry{}, err
			}
		}
		if l.believed() {
			if e, found, known := l.lookup(name); found {
				return e, nil
			} else if known {
				return entry{}, writer.ErrNotFound
			}
		}
	}
	if e, ok := t.knownListing(dirKey).firstLook(name); ok && !e.dir {
		return e, nil
	}
	if own.showsSomething() || t.wasDir(dirKey, name) {
		if exists, err := t.stillDir(dirKey + name + "/"); exists || err != nil {
			return entry{name: name, dir: true}, err
		}
	}
	if t.knownAbsent(dirKey, name) {
		return entry{}, writer.ErrNotFound
	}
	if l, err := t.listInstead(dirKey, name); err != nil {
		return entry{}, err
	} else if l != nil {
		if e, found, known := l.lookup(name); found {
			return e, nil
		} else if known {
			return entry{}, writer.ErrNotFound
		}
	}
	made := t.misses.begin()
	e, err := t.ask(dirKey, name)
	switch {
	case err == nil:
		t.forsake(dirKey, name)
	case !errors.Is(err, writer.ErrNotFound):
	case t.isKept(dirKey, name):
		return entry{name: name, dir: true}, nil
	default:
		t.misses.note(dirKey, name, made)
	}
	return e, err
}

// wasDir tells whether a name was a directory when its parent was listed.
func (t *Tree) wasDir(dirKey, name string) bool {
	l := t.knownListing(dirKey)
	if l == nil {
		return false
	}
	e, found, _ := l.lookup(name)
	return found && e.dir
}

// stillDir asks about what was a directory by the first page of its listing,
// which is what a program that walks the tree wants next.
func (t *Tree) stillDir(dirKey string) (bool, error) {
	if t.o.MetadataTTL == 0 {
		return false, nil
	}
	l := t.listingOf(dirKey)
	_, err := l.page(0)
	return l.showsSomething(), err
}

// showsSomething tells whether there is a listing and S3 showed anything in it.
func (l *listing) showsSomething() bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.exists
}

func (l *listing) readAll() error {
	for i := 0; ; i++ {
		if p, err := l.page(i); p == nil || err != nil {
			return err
		}
	}
}

// ask asks S3 for an object and for a prefix of a name, at the same time. The
// prefix wins.
func (t *Tree) ask(dirKey, name string) (entry, error) {
	key := dirKey + name
	var object writer.Object
	var isFile, isDir bool
	var marker writer.Object
	var both errgroup.Group
	both.Go(func() (err error) {
		defer panics.Catch(t.o.Log, &err)
		object, err = t.bucket.HeadObject(t.ctx, key)
		isFile = err == nil
		return err
	})
	var listErr error
	both.Go(func() error {
		defer panics.Catch(t.o.Log, &listErr)
		objects, prefixes, _, err := t.bucket.List(t.ctx, key+"/", "", "", 1)
		listErr, isDir = err, len(objects)+len(prefixes) > 0
		if len(objects) > 0 && objects[0].Key == key+"/" {
			marker = objects[0]
		}
		return nil
	})
	headErr := both.Wait()
	switch {
	case listErr != nil:
		return entry{}, listErr
	case isDir && isFile:
		t.hide(key, "a directory has the same name")
		fallthrough
	case isDir:
		marker, err := t.headMarker(marker)
		return entry{name: name, dir: true, asked: true, object: marker}, err
	}
	return entry{name: name, object: object}, headErr
}

// adopt gives the inode for an entry, the one that is known already if it
// still stands for it.
func (d *dir) adopt(ctx context.Context, e entry, out *fuse.Attr) *gofuse.Inode {
	known := d.GetChild(e.name)
	if e.dir {
		child, ok := operations[*dir](known)
		if !ok {
			child = d.tree.newDir(d.currentKey() + e.name + "/")
		}
		if e.asked {
			child.accept(e.object)
		}
		child.fill(out)
		return d.NewInode(ctx, child, gofuse.StableAttr{Mode: syscall.S_IFDIR})
	}
	child, ok := operations[*file](known)
	if !ok || child.isUnlinked() || d.tree.changesKind(child, e.object) || !child.accept(e.object) {
		child = d.tree.newFile(d.currentKey()+e.name, e.object)
		d.tree.show(child)
	}
	child.fill(out)
	return d.NewInode(ctx, child, child.stable())
}

// changesKind tells whether an object with other attributes than a file's makes
// a link of it, or no link.
func (t *Tree) changesKind(f *file, object writer.Object) bool {
	return headed(object) && t.posixOf(object).link != f.isLink()
}
