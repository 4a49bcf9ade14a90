package s3discard

import (
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
)

// period of the content in bytes: a prime above 1 MiB, so that no offset that
// programs like to use holds the same bytes as another.
const period = 1<<20 + 7

// content is two periods, so that every stretch of one lies in it.
var content = sync.OnceValue(func() []byte {
	p := make([]byte, 2*period)
	rand.NewChaCha8([32]byte{}).Read(p[:period]) // never fails
	copy(p[period:], p[:period])
	return p
})

// at gives bytes of an object from offset on, up to n, without copying them.
func at(offset, n int64) []byte {
	begin := offset % period
	return content()[begin : begin+min(n, period)]
}

// Fill fills p with the content of any object from offset on.
func Fill(p []byte, offset int64) {
	for len(p) > 0 {
		n := copy(p, at(offset, int64(len(p))))
		p, offset = p[n:], offset+int64(n)
	}
}

// send writes n bytes from offset on.
func send(w io.Writer, offset, n int64) (sent int64, err error) {
	for sent < n && err == nil {
		var m int
		m, err = w.Write(at(offset+sent, n-sent))
		sent += int64(m)
	}
	return sent, err
}

// buffers of 1 MiB take what arrives and is not wanted.
var buffers = sync.Pool{New: func() any { return new([1 << 20]byte) }}

// discard reads the body of a request to its end and gives the size of what it
// carried, which for an aws-chunked body is less than what was read.
func (s *Server) discard(op string, r *http.Request) (int64, error) {
	if plain, ok := r.Context().Value(connKey{}).(*conn); ok {
		plain.dropping.Store(true)
		defer plain.dropping.Store(false)
	}
	buffer := buffers.Get().(*[1 << 20]byte)
	defer buffers.Put(buffer)
	var size int64
	for {
		n, err := r.Body.Read(buffer[:])
		size += int64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, err
		}
	}
	if decoded, err := strconv.ParseInt(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64); err == nil {
		size = decoded
	}
	s.counts.add(op, Count{In: size})
	return size, nil
}
