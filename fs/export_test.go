package fs

import gofuse "github.com/hanwen/go-fuse/v2/fs"

// BelieveNoReader makes listings as old at once as those that somebody reads may
// become.
func BelieveNoReader() { busyLimit = 0 }

// ShowAtMost sets how many files are left to the kernel's own judgement.
func ShowAtMost(n int) { maxShown = n }

// Nodes counts what stands for inodes of the kernel.
func (t *Tree) Nodes() (n int) {
	walk(&t.root.Inode, func(gofuse.InodeEmbedder) { n++ })
	return n
}
