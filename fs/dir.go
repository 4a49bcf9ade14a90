package fs

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/hanwen/go-fuse/v2/fuse"

	gofuse "github.com/hanwen/go-fuse/v2/fs"

	"github.com/s3mpfs/s3mpfs/writer"
)

// dir is a directory: a prefix.
type dir struct {
	node

	// storing is held by who puts the marker for its attributes, and by who
	// removes or replaces it. Taken after the standstill's.
	storing sync.Mutex

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
	absent := d.tree.knownAbsent(d.currentKey(), name)
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
	if flags&(syscall.O_EXCL|syscall.O_TRUNC) == 0 && !absent {
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
// Nobody believes any more that it is missing, whatever becomes of it.
func (d *dir) freshKey(name string) (string, syscall.Errno) {
	if !utf8.ValidString(name) {
		return "", syscall.EILSEQ
	}
	d.tree.misses.forget(d.currentKey(), name)
	return d.newKey(name)
}

// taken gives the errno for a name that somebody else has made first, and makes
// the next lookup ask for it, as mkdir -p then does.
func (d *dir) taken() syscall.Errno {
	d.tree.newListing(d.currentKey())
	return syscall.EEXIST
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
		return nil, d.taken()
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

// Link and Mknod: S3 has objects only.

func (d *dir) Link(context.Context, gofuse.InodeEmbedder, string, *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	return nil, syscall.EPERM
}

func (d *dir) Mknod(context.Context, string, uint32, uint32, *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	return nil, syscall.EPERM
}
