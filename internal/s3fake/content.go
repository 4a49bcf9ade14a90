package s3fake

import (
	"crypto/md5"
	"encoding/hex"

	"github.com/s3mpfs/s3mpfs/writer"
)

// content is a sequence of bytes that nobody changes, in one or more blocks,
// which several contents may share.
type content struct {
	blocks [][]byte // none of them empty
	size   int64    // bytes
}

// joinCopy is the size in bytes below which a concatenation is one block of
// its own, so that contents of many edits do not become chains of crumbs.
const joinCopy = 256 << 10

func contentOf(blocks ...[]byte) content {
	var c content
	for _, b := range blocks {
		if len(b) > 0 {
			c.blocks = append(c.blocks, b)
			c.size += int64(len(b))
		}
	}
	return c
}

// flat gives a copy of c in one block of its own.
func (c content) flat() content {
	p := make([]byte, 0, c.size)
	for _, b := range c.blocks {
		p = append(p, b...)
	}
	return contentOf(p)
}

func join(pieces []content) content {
	var blocks [][]byte
	for _, c := range pieces {
		blocks = append(blocks, c.blocks...)
	}
	c := contentOf(blocks...)
	if len(blocks) > 1 && c.size <= joinCopy {
		return c.flat()
	}
	return c
}

// slice gives n bytes from offset on, which must lie within c.
func (c content) slice(offset, n int64) content {
	var blocks [][]byte
	for _, b := range c.blocks {
		if n == 0 {
			break
		}
		if offset >= int64(len(b)) {
			offset -= int64(len(b))
			continue
		}
		b = b[offset:min(int64(len(b)), offset+n)]
		blocks = append(blocks, b)
		offset, n = 0, n-int64(len(b))
	}
	return contentOf(blocks...)
}

// readAt fills p from offset on and tells how many bytes there were.
func (c content) readAt(p []byte, offset int64) (n int) {
	for _, b := range c.blocks {
		if offset >= int64(len(b)) {
			offset -= int64(len(b))
			continue
		}
		n += copy(p[n:], b[offset:])
		if n == len(p) {
			break
		}
		offset = 0
	}
	return n
}

func (c content) bytes() []byte {
	p := make([]byte, c.size)
	c.readAt(p, 0)
	return p
}

func (c content) checksum(a writer.Algorithm) writer.Checksum {
	if a == writer.None {
		return writer.Checksum{}
	}
	var sum uint64
	for _, b := range c.blocks {
		sum = a.Update(sum, b)
	}
	return writer.Checksum{Algorithm: a, Value: sum}
}

// md5 is the digest in hexadecimal, as it stands in an ETag.
func (c content) md5() string {
	h := md5.New()
	for _, b := range c.blocks {
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))
}
