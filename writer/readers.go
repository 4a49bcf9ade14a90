package writer

import (
	"io"
	"sync"
)

// ObjectReader reads one version of an object. Its methods are safe for
// concurrent use.
type ObjectReader interface {
	io.ReaderAt
	// View reads like ReadAt, but gives the bytes from where they lie, which may
	// be p or the reader's own memory, in order. They stay there until release
	// is called, which must be once; Close waits for it. After an error other
	// than io.EOF there is nothing to release.
	View(p []byte, off int64) (bytes [][]byte, release func(), err error)
	// Shed gives up what was read ahead and nobody waits for. It does not wait.
	Shed()
	// Close ends reads that wait and gives all memory back.
	Close()
}

// readers are the object readers that are open, and how one is made.
type readers struct {
	mu   sync.Mutex // guards what follows; never held across I/O
	make func(Object) ObjectReader
	open map[*sharedReader]struct{}
}

// ReadThrough has objects read by what open makes of them, which takes its
// memory from Memory and gives it up when a file being written needs it.
// Without it every read of an object is a request of its own.
func (e *Engine) ReadThrough(open func(Object) ObjectReader) {
	e.readers.mu.Lock()
	defer e.readers.mu.Unlock()
	e.readers.make = open
}

// OpenReader makes a reader of an object's version, which the caller closes;
// nil where ReadThrough was not called.
func (e *Engine) OpenReader(object Object) ObjectReader {
	r := &e.readers
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.make == nil {
		return nil
	}
	s := &sharedReader{ObjectReader: r.make(object), from: r}
	if r.open == nil {
		r.open = map[*sharedReader]struct{}{}
	}
	r.open[s] = struct{}{}
	return s
}

// sharedReader is a reader that shares the engine's memory.
type sharedReader struct {
	ObjectReader
	from *readers
	once sync.Once
}

// Close implements ObjectReader.
func (s *sharedReader) Close() {
	s.once.Do(func() {
		s.from.mu.Lock()
		delete(s.from.open, s)
		s.from.mu.Unlock()
		s.ObjectReader.Close()
	})
}

// shedReaders has all readers give up what they hold, and tells whether that
// freed memory.
func (e *Engine) shedReaders() bool {
	r := &e.readers
	r.mu.Lock()
	defer r.mu.Unlock()
	before := e.pool.Used()
	for s := range r.open {
		s.Shed()
	}
	return e.pool.Used() < before
}
