package main

import (
	"slices"
	"sync"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// window is an object that is read from its start to its end: ranges are
// fetched ahead, as many as there may be requests.
type window struct {
	client *client
	key    string
	size   int64

	mu     sync.Mutex // guards ranges
	ranges []*span    // by their number in the object, nil where not begun or given up
}

// span is one range.
type span struct {
	ready chan struct{} // closed when p is filled
	whole *[]byte
	p     []byte // of whole
	left  int    // bytes not yet read
}

func newWindow(c *client, key string, size int64) *window {
	part := int64(c.partSize)
	return &window{client: c, key: key, size: size, ranges: make([]*span, (size+part-1)/part)}
}

// read gives the bytes [offset, offset+n), as far as the object goes, from where
// they lie.
func (w *window) read(offset, n int64) *answer {
	a := &answer{window: w}
	for part := int64(w.client.partSize); n > 0 && offset < w.size; {
		i := int(offset / part)
		s := w.ahead(i)
		<-s.ready
		from := offset % part
		to := min(from+n, int64(len(s.p)))
		a.slices, a.ranges = append(a.slices, s.p[from:to]), append(a.ranges, i)
		n, offset = n-(to-from), offset+to-from
	}
	return a
}

// answer is a fuse.ReadResult that go-fuse writes without a copy, because it
// has Slices.
type answer struct {
	window *window
	slices [][]byte
	ranges []int // of each slice
}

func (a *answer) Slices() ([][]byte, fuse.Status) { return a.slices, fuse.OK }

func (a *answer) Bytes([]byte) ([]byte, fuse.Status) { return slices.Concat(a.slices...), fuse.OK }

func (a *answer) Size() (n int) {
	for _, p := range a.slices {
		n += len(p)
	}
	return n
}

// Done is called when the answer is written.
func (a *answer) Done() {
	for k, i := range a.ranges {
		a.window.passed(i, len(a.slices[k]))
	}
}

// ahead begins to fetch the ranges from i on and gives the first.
func (w *window) ahead(i int) *span {
	w.mu.Lock()
	defer w.mu.Unlock()
	for k := i; k < min(i+w.client.concurrency, len(w.ranges)); k++ {
		if w.ranges[k] == nil {
			w.ranges[k] = w.fetch(int64(k))
		}
	}
	return w.ranges[i]
}

// spare are the buffers of ranges that have been read, each a *[]byte.
var spare = sync.Pool{}

func (w *window) fetch(k int64) *span {
	part := int64(w.client.partSize)
	whole, ok := spare.Get().(*[]byte)
	if !ok {
		fresh := make([]byte, part)
		whole = &fresh
	}
	s := &span{ready: make(chan struct{}), whole: whole, p: (*whole)[:min(part, w.size-k*part)]}
	s.left = len(s.p)
	go func() {
		w.client.get(w.key, k*part, s.p)
		close(s.ready)
	}()
	return s
}

// passed gives a range up once all of it was read.
func (w *window) passed(i, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.ranges[i]
	if s.left -= n; s.left > 0 {
		return
	}
	w.ranges[i] = nil
	spare.Put(s.whole)
}
