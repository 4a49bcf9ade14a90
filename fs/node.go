package fs

import (
	"context"
	"sync"
	"syscall"

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
