package fs

import (
	"context"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
)

// blockSize is what stat(2) advises programs to read and write at once, which
// is the largest FUSE request of most kernels.
const blockSize = 1 << 20

// node is what directories and files have in common.
type node struct {
	gofuse.Inode
	tree *Tree

	key string // whole key, of a directory with its slash; guarded by tree.mu

	mu   sync.Mutex // guards posix and what the embedding type says; never held across I/O
	meta posix
}

func (n *node) currentKey() string {
	n.tree.mu.RLock()
	defer n.tree.mu.RUnlock()
	return n.key
}

// posix are the attributes that S3 does not have. They live as long as the
// inode.
type posix struct {
	mode, uid, gid uint32
	mtime          time.Time
	// asked: mtime was set by a program, not by a write.
	asked bool
}

// set takes over what a SETATTR changes, beside the size.
func (p *posix) set(in *fuse.SetAttrIn) (timeSet bool) {
	if mode, ok := in.GetMode(); ok {
		p.mode = mode & 0o7777
	}
	if uid, ok := in.GetUID(); ok {
		p.uid = uid
	}
	if gid, ok := in.GetGID(); ok {
		p.gid = gid
	}
	mtime, ok := in.GetMTime()
	if ok {
		p.mtime, p.asked = mtime, true
	}
	return ok
}

// fill describes an inode of this size in bytes.
func (p *posix) fill(out *fuse.Attr, size int64) {
	out.Mode = p.mode
	out.Owner = fuse.Owner{Uid: p.uid, Gid: p.gid}
	out.Nlink = 1 // of a directory: the number of sub-directories is not known
	out.Size = uint64(size)
	out.Blocks = (out.Size + 511) / 512
	out.Blksize = blockSize
	out.SetTimes(&p.mtime, &p.mtime, &p.mtime)
}

// Statfs reports what S3 does not limit as so large that programs see room and
// so round that df prints it well: 1 PiB, empty.
func (n *node) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	const blocks = 1 << 50 / blockSize
	*out = fuse.StatfsOut{
		Blocks: blocks, Bfree: blocks, Bavail: blocks,
		Files: 1 << 30, Ffree: 1 << 30,
		Bsize: blockSize, Frsize: blockSize, NameLen: maxName,
	}
	return 0
}

// Setxattr says that there are no extended attributes, which cp -a and rsync
// take quietly.
func (n *node) Setxattr(context.Context, string, []byte, uint32) syscall.Errno {
	return syscall.ENOTSUP
}
