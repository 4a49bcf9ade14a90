package faultproxy

import (
	"io"
	"sync"
)

// bufferSize of copies in bytes.
const bufferSize = 256 << 10

// buffers are for httputil.ReverseProxy's copies.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, bufferSize)
}

func (b *buffers) Put(p []byte) { b.pool.Put(&p) }

// countedBody tells how many bytes went through it.
type countedBody struct {
	io.ReadCloser
	count func(n int)
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.count(n)
	return n, err
}

// cutBody fails after left bytes, at once if there are none.
type cutBody struct {
	io.ReadCloser
	left int64
}

func (b *cutBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errBroken
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// corruptBody inverts the byte that is left bytes away.
type corruptBody struct {
	io.ReadCloser
	left int64
}

func (b *corruptBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if 0 <= b.left && b.left < int64(n) {
		p[b.left] ^= 0xff
	}
	b.left -= int64(n)
	return n, err
}
