package main

import "sync"

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
	p     []byte
	left  int // bytes not yet read
}

func newWindow(c *client, key string, size int64) *window {
	part := int64(c.partSize)
	return &window{client: c, key: key, size: size, ranges: make([]*span, (size+part-1)/part)}
}

// readAt fills p as far as the object goes.
func (w *window) readAt(p []byte, offset int64) (n int) {
	for part := int64(w.client.partSize); n < len(p) && offset < w.size; {
		i := int(offset / part)
		s := w.ahead(i)
		<-s.ready
		c := copy(p[n:], s.p[offset%part:])
		w.passed(i, c)
		n, offset = n+c, offset+int64(c)
	}
	return n
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

// spare are the buffers of ranges that have been read.
var spare = sync.Pool{}

func (w *window) fetch(k int64) *span {
	part := int64(w.client.partSize)
	p, ok := spare.Get().([]byte)
	if !ok {
		p = make([]byte, part)
	}
	s := &span{ready: make(chan struct{}), p: p[:min(part, w.size-k*part)]}
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
	spare.Put(s.p[:cap(s.p)])
}
