package writer

import (
	"errors"
	"io"
)

// Body is the content of one part, or of one small object: byte slices in
// order, in memory, which nobody changes until the call they were given to has
// returned.
type Body struct {
	Blocks   [][]byte
	Size     int64 // bytes, the sum of the lengths of Blocks
	Checksum Checksum
}

// NewBody describes blocks, computing size and checksum.
func NewBody(algorithm Algorithm, blocks ...[]byte) Body {
	b := Body{Blocks: blocks}
	var sum uint64
	for _, block := range blocks {
		sum = algorithm.Update(sum, block)
		b.Size += int64(len(block))
	}
	b.Checksum = Checksum{algorithm, sum}
	return b
}

// As gives the same body with its checksum by another algorithm. The bytes are
// compared with the one they have, so that nothing is lost of what that
// protects them from; false where they are other bytes by now.
func (b Body) As(algorithm Algorithm) (Body, bool) {
	if b.Checksum.Algorithm == algorithm {
		return b, true
	}
	other := NewBody(algorithm, b.Blocks...)
	return other, NewBody(b.Checksum.Algorithm, b.Blocks...).Checksum == b.Checksum
}

// NewReader reads the body from its start. Each call gives an independent
// reader, so that a request can be sent again.
func (b Body) NewReader() *BodyReader { return &BodyReader{body: b} }

// BodyReader reads a Body. It is an io.ReadSeeker, which the SDK needs to send
// a request again, and an io.WriterTo, which spares a copy.
type BodyReader struct {
	body   Body
	offset int64 // bytes from the start of the body
	block  int   // index of the block that holds offset
	within int   // offset within that block
}

// Len is the number of bytes left.
func (r *BodyReader) Len() int { return int(r.body.Size - r.offset) }

func (r *BodyReader) Read(p []byte) (n int, err error) {
	for n < len(p) && r.block < len(r.body.Blocks) {
		c := copy(p[n:], r.body.Blocks[r.block][r.within:])
		r.advance(c)
		n += c
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// WriteTo writes what is left, a block at a time.
func (r *BodyReader) WriteTo(w io.Writer) (n int64, err error) {
	for r.block < len(r.body.Blocks) {
		c, err := w.Write(r.body.Blocks[r.block][r.within:])
		r.advance(c)
		n += int64(c)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (r *BodyReader) advance(n int) {
	r.offset += int64(n)
	r.within += n
	for r.block < len(r.body.Blocks) && r.within == len(r.body.Blocks[r.block]) {
		r.block, r.within = r.block+1, 0
	}
}

func (r *BodyReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.offset
	case io.SeekEnd:
		offset += r.body.Size
	}
	if offset < 0 || offset > r.body.Size {
		return 0, errors.New("writer: seek outside the body")
	}
	r.offset, r.block, r.within = 0, 0, 0
	for left := offset; r.block < len(r.body.Blocks); {
		n := min(left, int64(len(r.body.Blocks[r.block])-r.within))
		r.advance(int(n))
		if left -= n; left == 0 {
			break
		}
	}
	return offset, nil
}

var (
	_ io.ReadSeeker = (*BodyReader)(nil)
	_ io.WriterTo   = (*BodyReader)(nil)
)
