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

// dir is a directory: a prefix.
type dir struct {
	node

	// mu, the node's, guards what follows.
	asked   time.Time     // when S3 told of the marker
	marker  writer.Object // that this mount has put
	pending bool          // S3 does not have all attributes
}

var (
	_ gofuse.NodeLookuper       = (*dir)(nil)
	_ gofuse.NodeGetattrer      = (*dir)(nil)
	_ gofuse.NodeSetattrer      = (*dir)(nil)
	_ gofuse.NodeOpendirHandler = (*dir)(nil)
	_ gofuse.NodeCreater        = (*dir)(nil)
	_ gofuse.NodeMkdirer        = (*dir)(nil)
	_ gofuse.NodeRmdirer        = (*dir)(nil)
	_ gofuse.NodeUnlinker       = (*dir)(nil)
	_ gofuse.NodeRenamer        = (*dir)(nil)
	_ gofuse.NodeLinker         = (*dir)(nil)
	_ gofuse.NodeSymlinker      = (*dir)(nil)
	_ gofuse.NodeMknoder        = (*dir)(nil)
	_ gofuse.NodeStatfser       = (*dir)(nil)
	_ gofuse.NodeSetxattrer     = (*dir)(nil)
)

func (t *Tree) newDir(key string) *dir {
	d := &dir{node: node{tree: t, key: key}}
	d.meta = posix{mode: t.o.DirMode, uid: t.o.UID, gid: t.o.GID, mtime: t.started}
	return d
}

// markerType is the content type of a directory's marker object, the one that
// s3fs and rclone use.
const markerType = "application/x-directory"

func (d *dir) Getattr(_ context.Context, _ gofuse.FileHandle, out *fuse.AttrOut) syscall.Errno {
	d.fill(&out.Attr)
	return 0
}

func (d *dir) fill(out *fuse.Attr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.meta.fill(out, 0)
}

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
	if f, ok := operations[*file](d.GetChild(name)); ok && f.learnedSince(begun) {
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

// childKey is the key of a file of this name.
func (d *dir) childKey(name string) (string, syscall.Errno) {
	key := d.currentKey() + name
	if len(name) > maxName || len(key) > maxKey {
		return "", syscall.ENAMETOOLONG
	}
	if badName(name) != "" {
		return "", syscall.EINVAL
	}
	return key, 0
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
	if l, err := t.listInstead(dirKey, name); err != nil {
		return entry{}, err
	} else if l != nil {
		if e, found, known := l.lookup(name); found {
			return e, nil
		} else if known {
			return entry{}, writer.ErrNotFound
		}
	}
	e, err := t.ask(dirKey, name)
	switch {
	case err == nil:
		t.forsake(dirKey, name)
	case !errors.Is(err, writer.ErrNotFound):
	case t.isKept(dirKey, name):
		return entry{name: name, dir: true}, nil
	default:
		t.misses.note(dirKey, name)
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

// operations is the node of an inode, if there is one of that kind.
func operations[T any](n *gofuse.Inode) (node T, ok bool) {
	if n != nil {
		node, ok = n.Operations().(T)
	}
	return node, ok
}

// Create makes a file and opens it. Nothing is asked of S3 and nothing is sent
// before there are bytes or the file is closed, except where the program would
// go on with what somebody else put there meanwhile.
func (d *dir) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*gofuse.Inode, gofuse.FileHandle, uint32, syscall.Errno) {
	defer d.tree.names.enter(d)()
	key, errno := d.freshKey(name)
	if errno != 0 {
		return nil, nil, 0, errno
	}
	if errno := d.tree.tell(key); errno != 0 {
		return nil, nil, 0, errno
	}
	f := d.tree.newFile(key, writer.Object{})
	f.meta.mtime = time.Now()
	f.creationMode(mode)
	f.own(ctx, d)
	if flags&(syscall.O_EXCL|syscall.O_TRUNC) == 0 {
		if object, err := d.tree.bucket.HeadObject(d.tree.ctx, key); err == nil {
			f.accept(object)
		} else if !errors.Is(err, writer.ErrNotFound) {
			return nil, nil, 0, d.tree.fail("create", key, err)
		}
	}
	h := f.newHandle(ctx, flags|syscall.O_CREAT)
	if !f.exists() {
		f.install(f.tree.engine.Create(key, writer.FileOptions{
			Attributes: f.attributes(), Exclusive: flags&syscall.O_EXCL != 0, Absent: flags&syscall.O_TRUNC == 0,
		}))
		d.tree.note(key, entry{}, false)
	}
	f.fill(&out.Attr)
	d.tree.show(f)
	return d.NewInode(ctx, f, f.stable()), h, fuse.FOPEN_DIRECT_IO, 0
}

// newKey is childKey for a name to be made.
func (d *dir) newKey(name string) (string, syscall.Errno) {
	if d.tree.o.ReadOnly {
		return "", syscall.EROFS
	}
	if name == AsideDir {
		return "", syscall.EPERM
	}
	return d.childKey(name)
}

// freshKey is newKey for a name that does not exist yet. S3's keys are text:
// bytes that are no UTF-8 would come back as others, or be refused at close.
func (d *dir) freshKey(name string) (string, syscall.Errno) {
	if !utf8.ValidString(name) {
		return "", syscall.EILSEQ
	}
	return d.newKey(name)
}

// Mkdir puts a marker object, so that an empty directory exists. It is put only
// where there is none, which makes mkdir atomic between machines too.
func (d *dir) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	defer d.tree.names.enter(d)()
	key, errno := d.freshKey(name)
	if errno != 0 {
		return nil, errno
	}
	key += "/"
	child := d.tree.newDir(key)
	child.meta.mtime = time.Now()
	if _, shared := d.group(); shared && d.tree.o.AllowOther {
		mode |= syscall.S_ISGID
	}
	child.creationMode(mode)
	child.own(ctx, d)
	attrs := writer.Attributes{ContentType: markerType, Metadata: child.meta.into(nil, syscall.S_IFDIR)}
	marker, err := d.tree.putMarker(key, attrs, writer.Condition{IfNoneMatch: true})
	if errors.Is(err, writer.ErrPrecondition) || errors.Is(err, writer.ErrConflict) {
		return nil, syscall.EEXIST
	}
	if err != nil {
		return nil, d.tree.fail("mkdir", key, err)
	}
	d.tree.note(key, entry{dir: true}, false)
	d.tree.emptyListing(key)
	child.marker, child.asked = marker, time.Now()
	child.fill(&out.Attr)
	inode := d.NewInode(ctx, child, gofuse.StableAttr{Mode: syscall.S_IFDIR})
	if child.meta.set != 0 && !d.holdsAttributes() {
		d.mu.Lock()
		d.meta.set |= hasMode
		d.mu.Unlock()
		d.setLater()
	}
	return inode, 0
}

func (t *Tree) putMarker(key string, attrs writer.Attributes, cond writer.Condition) (writer.Object, error) {
	marker, err := t.bucket.PutObject(t.ctx, key, attrs, writer.NewBody(t.engine.Options().Checksum), cond)
	if l := t.knownListing(key); l != nil && err == nil {
		l.setMarker(marker)
	}
	return marker, err
}

// file is the file that is known under a name, nil if there is none.
func (d *dir) file(name string) *file {
	if f := d.tree.openFile(d.currentKey(), name); f != nil {
		return f
	}
	f, _ := operations[*file](d.GetChild(name))
	return f.holder()
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

// Link and Mknod: S3 has objects only.

func (d *dir) Link(context.Context, gofuse.InodeEmbedder, string, *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	return nil, syscall.EPERM
}

func (d *dir) Mknod(context.Context, string, uint32, uint32, *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	return nil, syscall.EPERM
}
