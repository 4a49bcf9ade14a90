package fs

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"
	"weak"

	"github.com/hanwen/go-fuse/v2/fuse"

	gofuse "github.com/hanwen/go-fuse/v2/fs"

	"github.com/s3mpfs/s3mpfs/writer"
)

// file is a file. Its bytes are those of object, or of content while that is
// there: then every read, truncate and stat goes to content, whichever
// descriptor it comes through.
type file struct {
	node

	unlinked bool               // guarded by tree.mu
	heir     weak.Pointer[file] // the file that was given the name, if any; guarded by tree.mu

	// copied is read-held while the object is copied into another file, and
	// write-held by what makes its key lose it, or another version of it for its
	// attributes. It is taken before the io of any file.
	copied sync.RWMutex
	// io keeps content, object and reader in place: read-held by whoever uses
	// them, write-held by whoever puts others there. Held across requests of
	// S3; taken before starting and mu.
	io sync.RWMutex
	// starting is held across the HEAD that precedes the first change of an
	// object, so that one content is begun.
	starting sync.Mutex
	// noting makes the newest of several versions published the one that stays
	// known. Taken after io.
	noting sync.Mutex

	// mu, the node's, guards what follows; it is never held across I/O.
	object  writer.Object         // the newest version known; without a Key there is none
	aside   *writer.Object        // what was put aside for those who have the file open; it is object then
	covers  bool                  // without object: the key has one that publishing will replace
	asked   time.Time             // when S3 told of it
	headed  bool                  // object.Attributes are known
	content *writer.File          // nil until something is changed, and after all that was published
	reader  writer.ObjectReader   // of object
	retired []writer.ObjectReader // of versions before, which may still be read
	cached  string                // ETag of what the kernel's page cache holds
	handles map[*handle]struct{}
	writers int    // handles that may write
	opening int    // who is about to make a handle
	losing  bool   // the name is being taken away
	logged  string // the failure that was logged last
	told    bool   // a program was told of the failure of content
	counted bool   // the failure is in the tree's account

	target   []byte // of a symbolic link, once it is known, in the version with
	targetOf string // this ETag

	pending bool      // S3 does not have all attributes
	changes changes   // of metadata that S3 may not have
	listed  time.Time // S3's time of object, once a listing has told it
}

var (
	_ gofuse.NodeOpener         = (*file)(nil)
	_ gofuse.NodeGetattrer      = (*file)(nil)
	_ gofuse.NodeSetattrer      = (*file)(nil)
	_ gofuse.NodeStatfser       = (*file)(nil)
	_ gofuse.NodeReadlinker     = (*file)(nil)
	_ gofuse.NodeGetxattrer     = (*file)(nil)
	_ gofuse.NodeSetxattrer     = (*file)(nil)
	_ gofuse.NodeRemovexattrer  = (*file)(nil)
	_ gofuse.NodeListxattrer    = (*file)(nil)
	_ gofuse.NodeCopyFileRanger = (*file)(nil)
)

func (t *Tree) newFile(key string, object writer.Object) *file {
	f := &file{node: node{tree: t, key: key}, handles: map[*handle]struct{}{}}
	f.meta = t.posixOf(object)
	f.accept(object)
	return f
}

// accept takes note of what S3 tells of the file's key. It refuses an object
// that is not the one that somebody has open: that needs another node.
func (f *file) accept(object writer.Object) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if object.ETag == f.object.ETag {
		f.asked = time.Now()
		if headed(object) {
			f.object, f.headed = object, true
			f.learn(object)
		}
		return true
	}
	if f.content != nil || f.pending || len(f.handles) > 0 {
		return false
	}
	f.setObject(object, headed(object))
	f.meta, f.changes, f.listed = f.tree.posixOf(object), changes{}, object.LastModified
	return true
}

// headed tells whether an object comes with its attributes.
func headed(object writer.Object) bool {
	return object.Attributes.ContentType != "" || object.Attributes.Metadata != nil
}

// learn takes over the attributes of the object, which somebody else may have
// changed without changing its bytes. The time of a write by this mount stays
// as it was shown, though S3 has a time of its own. f.mu is held.
func (f *file) learn(object writer.Object) {
	if f.pending || f.content != nil {
		return
	}
	now := f.tree.posixOf(object)
	if (now.set|f.meta.set)&hasTime == 0 && !f.meta.mtime.IsZero() {
		now.mtime = f.meta.mtime
	}
	now.link = f.meta.link
	f.meta = now
}

// setObject puts another version in place. f.mu is held.
func (f *file) setObject(object writer.Object, headed bool) {
	f.object, f.headed, f.asked, f.covers = object, headed, time.Now(), false
	if f.reader != nil {
		f.retired = append(f.retired, f.reader)
		f.reader = nil
	}
}

func (f *file) exists() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.object.Key != ""
}

// covering tells whether the key has an object, of this file or of one that it
// will replace.
func (f *file) covering() bool {
	if f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.object.Key != "" || f.covers || f.content != nil && f.content.Stored()
}

func (f *file) isUnlinked() bool {
	f.tree.mu.RLock()
	defer f.tree.mu.RUnlock()
	return f.unlinked
}

// Getattr never waits for S3.
func (f *file) Getattr(_ context.Context, _ gofuse.FileHandle, out *fuse.AttrOut) syscall.Errno {
	f.fill(&out.Attr)
	return 0
}

func (f *file) fill(out *fuse.Attr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.meta.fill(out, f.size())
	if f.isUnlinked() {
		out.Nlink = 0
	}
}

// size is that of the file in bytes. f.mu is held.
func (f *file) size() int64 {
	if f.content != nil {
		return f.content.Size()
	}
	return f.object.Size
}

// Setattr changes size, mode, owner and time. See setLater for when S3 gets them.
func (f *file) Setattr(ctx context.Context, _ gofuse.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if f.tree.o.ReadOnly {
		return syscall.EROFS
	}
	if size, ok := in.GetSize(); ok {
		if errno := f.setSize(int64(size)); errno != 0 {
			return errno
		}
	}
	f.mu.Lock()
	unpublished := f.content != nil && f.content.Dirty()
	changed := f.meta.change(in, f.tree.o.keeps(), unpublished)
	f.mu.Unlock()
	if changed {
		f.setLater()
	}
	return f.Getattr(ctx, nil, out)
}

// attributes are what the next version of the object is stored with: those of
// the present one, and what programs have set.
func (f *file) attributes() writer.Attributes {
	key := f.currentKey()
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.object.Attributes
	if a.ContentType == "" {
		a.ContentType = f.tree.contentType(key)
	}
	a.Metadata = f.meta.into(a.Metadata, f.kind())
	return f.changes.over(a)
}

func (f *file) isLink() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.meta.link
}

// stable is what the inode of f is made of.
func (f *file) stable() gofuse.StableAttr {
	f.mu.Lock()
	defer f.mu.Unlock()
	return gofuse.StableAttr{Mode: f.kind()}
}

// kind is the type of the file as in its mode. f.mu is held.
func (f *file) kind() uint32 {
	if f.meta.link {
		return syscall.S_IFLNK
	}
	return syscall.S_IFREG
}

func (t *Tree) contentType(key string) string {
	if t.o.ContentType != "" {
		return t.o.ContentType
	}
	return contentTypeOf(key)
}

// Open opens the file. What S3 told too long ago is asked again, so that what
// somebody else wrote is seen by the next open.
func (f *file) Open(ctx context.Context, flags uint32) (gofuse.FileHandle, uint32, syscall.Errno) {
	writes := flags&syscall.O_ACCMODE != syscall.O_RDONLY
	if (writes || flags&syscall.O_TRUNC != 0) && f.tree.o.ReadOnly {
		return nil, 0, syscall.EROFS
	}
	if f.isUnlinked() && !f.isAside() { // the name was given to another file: the kernel looks again
		return nil, 0, f.lookElsewhere()
	}
	if errno := f.tree.tell(f.currentKey()); errno != 0 {
		return nil, 0, errno
	}
	if flags&syscall.O_TRUNC != 0 {
		return f.openTruncated(ctx, flags)
	}
	h, errno := f.open(ctx, flags)
	switch {
	case errno != 0:
		return nil, 0, errno
	case writes:
		return h, fuse.FOPEN_DIRECT_IO, 0
	}
	return h, f.cacheFlags(), 0
}

// open makes a handle, unless the name was lost meanwhile and nothing is put
// aside: who takes the name away does that for those who wait here, too. Who
// comes when that is decided already has the next one do so.
func (f *file) open(ctx context.Context, flags uint32) (*handle, syscall.Errno) {
	if f.expect(1) {
		f.tree.contended.add(f.currentKey())
	}
	defer f.expect(-1)
	err := f.refresh()
	f.io.RLock()
	defer f.io.RUnlock()
	switch unlinked := f.isUnlinked(); {
	case unlinked && f.isAside(): // whatever refresh found, this is what was here
	case unlinked, errors.Is(err, writer.ErrStale):
		return nil, f.lookElsewhere()
	case err != nil:
		return nil, f.tree.fail("open", f.currentKey(), err)
	}
	return f.newHandle(ctx, flags), 0
}

// expect counts who is about to open the file, and tells whether the name is
// being taken away.
func (f *file) expect(n int) (losing bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opening += n
	return f.losing
}

// lookElsewhere has the kernel look the name up again, which it does once: if
// the name is given to yet another file meanwhile, what that one had is kept.
func (f *file) lookElsewhere() syscall.Errno {
	f.tree.contended.add(f.currentKey())
	return syscall.ESTALE
}

// refresh asks S3 for the object unless it told of it just now. A version that
// cannot be had through this node is [writer.ErrStale], upon which the kernel
// looks the name up again.
func (f *file) refresh() error {
	f.mu.Lock()
	known := f.content != nil || f.tree.fresh(f.asked)
	f.mu.Unlock()
	if known || f.isUnlinked() {
		return nil
	}
	object, err := f.tree.bucket.HeadObject(f.tree.ctx, f.currentKey())
	if err != nil {
		return err
	}
	if !f.accept(object) {
		return writer.ErrStale
	}
	return nil
}

// cacheFlags lets the kernel keep its page cache from one open to the next
// while the object is the same.
func (f *file) cacheFlags() (flags uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.content == nil && f.cached == f.object.ETag {
		flags = fuse.FOPEN_KEEP_CACHE
	}
	if f.cached = f.object.ETag; f.content != nil {
		f.cached = ""
	}
	return flags
}
