package fs

import (
	"slices"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// reply is the answer to a READ from where the bytes lie. go-fuse writes its
// slices to the kernel without a copy and then calls Done.
type reply struct {
	bytes   [][]byte
	release func()
}

// newReply makes an answer of bytes that stay until release. One without bytes
// is released at once, because go-fuse does not call Done of it.
func newReply(bytes [][]byte, release func()) fuse.ReadResult {
	if len(bytes) == 0 {
		release()
		return fuse.ReadResultData(nil)
	}
	return &reply{bytes, release}
}

// Slices is what makes go-fuse write without a copy.
func (r *reply) Slices() ([][]byte, fuse.Status) { return r.bytes, fuse.OK }

// Bytes implements fuse.ReadResult.
func (r *reply) Bytes([]byte) ([]byte, fuse.Status) { return slices.Concat(r.bytes...), fuse.OK }

// Size implements fuse.ReadResult.
func (r *reply) Size() (n int) {
	for _, p := range r.bytes {
		n += len(p)
	}
	return n
}

// Done implements fuse.ReadResult.
func (r *reply) Done() { r.release() }

var _ interface {
	fuse.ReadResult
	Slices() ([][]byte, fuse.Status)
} = (*reply)(nil)
