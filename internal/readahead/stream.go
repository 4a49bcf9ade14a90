package readahead

import (
	"slices"
	"time"
)

const (
	minWindow = 1 << 20

	// growth is how many times what a stream has read it may fetch ahead. The
	// read-ahead of mountpoint-s3 multiplies by eight.
	growth = 4

	// A window is fetched by this many GETs at the same time, of at least
	// minFetch, below which latency costs more than transfer, and at most
	// maxFetch bytes, above which a reader waits long for the first; then by
	// more. Each GET costs as much processor time as some hundred KiB of content.
	fetchesPerWindow = 16
	minFetch         = 1 << 20
	maxFetch         = 8 << 20

	// reorder is how far apart the reads of one stream may come: the kernel
	// sends up to three of 1 MiB at a time, and they are served in any order.
	reorder = 4 << 20

	// kernelRead is the least that the kernel's read-ahead asks for once it is
	// under way.
	kernelRead = 128 << 10

	// maxStreams have a window at the same time.
	maxStreams = 4

	// idleTime after its last read a stream loses its window.
	idleTime = 10 * time.Second
)

// stream is one sequential pass over the object.
type stream struct {
	began  int64     // where its window was small
	pos    int64     // end of the furthest read
	window int64     // bytes to have ahead of pos
	growAt int64     // the window may grow again when pos has come here
	used   time.Time // of the last read
}

func newStream(pos int64) *stream {
	s := &stream{pos: pos}
	s.reset()
	return s
}

// reset makes the window as small as that of a new stream.
func (s *stream) reset() {
	s.began = s.pos
	s.window = minWindow
	s.growAt = s.pos + minWindow
}

// near tells whether a read at off can be the next of the stream.
func (s *stream) near(off int64) bool {
	return off >= s.pos-reorder && off <= s.pos+reorder
}

// grow makes the window larger, once for each window that was read: growth times
// what the stream has read, so that what a stream that ends has fetched in vain
// is in proportion to what it wanted, and over a long line the window is full
// after some six round trips.
func (s *stream) grow(maxWindow int64) {
	if s.pos < s.growAt {
		return
	}
	s.growAt = s.pos + s.window
	s.window = min(max(s.window, growth*(s.pos-s.began)), maxWindow)
}

// fetchSize is the length of the stream's GETs.
func (s *stream) fetchSize() int64 {
	return min(max(s.window/fetchesPerWindow, minFetch), maxFetch)
}

// wants tells whether f may be read by the stream.
func (s *stream) wants(f *fetch) bool {
	return f.end > s.pos-reorder && f.off < s.pos+s.window
}

// recentReads remembers where the last reads outside any stream ended.
type recentReads struct {
	ends [16]int64 // 0 is none: no read of a byte ends there
	next int
}

func (r *recentReads) add(end int64) {
	r.ends[r.next] = end
	r.next = (r.next + 1) % len(r.ends)
}

// take tells whether a read ended at off, and forgets it.
func (r *recentReads) take(off int64) bool {
	i := slices.Index(r.ends[:], off)
	if off == 0 || i < 0 {
		return false
	}
	r.ends[i] = 0
	return true
}

// streamOf gives the stream that a read at off continues, which may begin with
// it, or nil. Called under mu.
func (r *Reader) streamOf(off int64) *stream {
	i := slices.IndexFunc(r.streams, func(s *stream) bool { return s.pos == off })
	if i < 0 {
		i = slices.IndexFunc(r.streams, func(s *stream) bool { return s.near(off) })
	}
	var s *stream
	switch {
	case i >= 0:
		s = r.streams[i]
		r.streams = slices.Delete(r.streams, i, i+1)
	case r.recent.take(off):
		if len(r.streams) == maxStreams {
			r.streams = slices.Delete(r.streams, 0, 1)
		}
		r.resetStreams()
		s = newStream(off)
	default:
		return nil
	}
	r.streams = append(r.streams, s)
	return s
}

// advance moves s over a read of n bytes at off: it starts what the window
// wants, more of it where the read will have to wait, and drops what no stream
// wants any more. Called under mu.
func (r *Reader) advance(s *stream, off, n int64) {
	s.used = time.Now()
	s.pos = max(s.pos, off+n)
	r.expireLater()
	r.fill(s, off)
	if f, _ := r.find(off); f == nil || !f.finished() {
		s.grow(r.opts.MaxWindow)
		r.fill(s, off)
	}
	r.dropUnwanted()
}

// fill starts the fetches that are missing between off and the end of the
// window of s, but none that is short only because the window ends there.
func (r *Reader) fill(s *stream, off int64) {
	limit := min(r.obj.Size, s.pos+s.window)
	for at := off; at < limit; {
		f, next := r.find(at)
		if f != nil {
			at = f.end
			continue
		}
		end := min(at+s.fetchSize(), next)
		if end > limit || !r.start(at, end) {
			return
		}
		at = end
	}
}

func (r *Reader) resetStreams() {
	for _, s := range r.streams {
		s.reset()
	}
}

func (r *Reader) dropUnwanted() {
	r.drop(func(f *fetch) bool {
		return f.lone || slices.ContainsFunc(r.streams, func(s *stream) bool { return s.wants(f) })
	})
}

// expireLater sees to it that streams that are not used any more lose their
// windows. Called under mu.
func (r *Reader) expireLater() {
	if r.idle == nil {
		r.idle = time.AfterFunc(idleTime, r.expire)
	}
}

func (r *Reader) expire() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.streams = slices.DeleteFunc(r.streams, func(s *stream) bool { return time.Since(s.used) >= idleTime })
	r.dropUnwanted()
	r.idle = nil
	if len(r.streams) > 0 {
		r.expireLater()
	}
}
