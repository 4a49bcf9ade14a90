package writer

import (
	"errors"
	"fmt"
	"sync"
)

// state of a file's content.
type state uint8

const (
	clean      state = iota // what was published last, or the base, is the content
	dirty                   // there are changes to publish
	publishing              // changes are on their way into an object
	failed                  // err is latched; nothing more will be published
	closed                  // released, discarded or parked
)

var stateNames = []string{"clean", "dirty", "publishing", "failed", "closed"}

func (s state) String() string { return stateNames[s] }

// next lists the states that may follow each state.
var next = [][]state{
	clean:      {dirty, failed, closed},
	dirty:      {publishing, failed, closed},
	publishing: {clean, failed, closed},
	failed:     {closed},
	closed:     {},
}

// File is the content of one object being written. It satisfies io.Writer,
// io.WriterAt, io.ReaderAt and io.Closer; all methods are safe for concurrent
// use, and none takes a context, since an upload lives as long as the file.
//
// After an error from S3 a file has failed: the error is latched, every later
// Write, Publish and Close reports it, and its upload is aborted. The object
// that was there before is then unchanged.
type File struct {
	engine *Engine

	// op serialises whatever changes the content: writes, truncation,
	// publishing. It is held across S3 calls and while waiting for memory. A
	// method whose comment says so is called with op held.
	op  sync.Mutex
	pos int64 // where Write writes; guarded by op
	due int64 // bytes to be written before it is worth looking for full parts; guarded by op

	// mu guards what follows and is never held across I/O. It is taken after
	// op. Only the holder of op adds blocks, parts or extents.
	mu        sync.Mutex
	cond      sync.Cond // on mu: a part landed, or the file failed
	state     state
	err       error // why it failed or was closed early
	key       string
	attrs     Attributes
	exclusive bool
	absent    bool
	size      int64
	touched   int64            // the engine's tick at the last change
	barren    int64            // touched when it last could not give memory back
	object    *Object          // the version last published, else the base; nil if there is none
	stored    bool             // the key has an object that this file was opened on or published, though it may have been emptied since
	below     extents          // what lies below the blocks from the cursor on, and below copied parts
	blocks    map[int64]*block // by offset / block size
	upload    *upload          // the running one; nil while none is needed
	reader    ObjectReader     // of object, once it has been read from
	left      string           // ID of the upload that was given up last
	bytesSent int64
	unlinked  bool // its name is gone: it is never published

	leaving sync.WaitGroup // uploads given up and not yet aborted
}

// become changes the state; mu is held.
func (f *File) become(s state) {
	for _, allowed := range next[f.state] {
		if s == allowed {
			f.state = s
			return
		}
	}
	panic(fmt.Sprintf("writer: %v cannot become %v", f.state, s))
}

// changed notes that the content differs from what was published; mu is held.
func (f *File) changed() {
	f.touched = f.engine.tick.Add(1)
	if f.state == clean {
		f.become(dirty)
	}
}

// alive gives the latched error, if any; mu is held.
func (f *File) alive() error {
	if f.state == closed && f.err == nil {
		return ErrClosed
	}
	return f.err
}

// cursor is the end of what has been made parts of the running upload; mu is
// held.
func (f *File) cursor() int64 {
	if f.upload == nil {
		return 0
	}
	return f.upload.cursor
}

// fail latches err, stops what is in flight and has the upload aborted, or
// left alone where another writer came first; mu is held.
func (f *File) fail(err error) {
	if f.state == failed || f.state == closed {
		return
	}
	keep := false
	switch {
	case f.exclusive && errors.Is(err, ErrPrecondition):
		err = fmt.Errorf("%w: %w", ErrExists, err)
	case isStale(err):
		err, keep = fmt.Errorf("%w: %w", ErrStale, err), f.upload != nil && !f.unlinked
	}
	f.err = err
	f.become(failed)
	f.closeReader()
	f.leaveUpload(keep)
	f.dropBlocks()
	f.cond.Broadcast()
}

// dropBlocks gives back the memory of a file that failed or was closed; mu is
// held.
func (f *File) dropBlocks() {
	for i, b := range f.blocks {
		f.drop(i, b)
	}
}

// drop takes a block out of the file. Its memory is free at once, or when it is
// no longer being sent; mu is held.
func (f *File) drop(index int64, b *block) {
	delete(f.blocks, index)
	b.dropped = true
	if b.sending == 0 {
		f.engine.free(b)
	}
}

// pin keeps the memory of blocks while they are being sent; mu is held.
func pin(blocks []*block) {
	for _, b := range blocks {
		b.sending++
	}
}

// unpin is called when they are sent; mu is held.
func (f *File) unpin(blocks []*block) {
	for _, b := range blocks {
		if b.sending--; b.sending == 0 && b.dropped {
			f.engine.free(b)
		}
	}
}

// Discard drops what was not published and aborts the upload. The file is then
// of no use: its methods give ErrDiscarded.
func (f *File) Discard() error {
	f.mu.Lock()
	if f.state != closed {
		f.end(ErrDiscarded)
	}
	f.mu.Unlock()
	f.leaving.Wait()
	return nil
}

// Release gives all memory back. What was not published is lost, so call
// Publish first and heed its error. It returns the latched error.
func (f *File) Release() error {
	f.mu.Lock()
	err := f.err
	if f.state != closed {
		f.end(err)
	}
	f.mu.Unlock()
	f.leaving.Wait()
	f.engine.forget(f)
	return err
}

// end closes the file for reason err; mu is held.
func (f *File) end(err error) {
	f.become(closed)
	f.err = err
	f.closeReader()
	f.leaveUpload(false)
	f.dropBlocks()
	f.cond.Broadcast()
	f.engine.returned()
}

// Close publishes the file and releases it.
func (f *File) Close() error {
	err := f.Publish()
	if released := f.Release(); err == nil {
		err = released
	}
	return err
}

// Size is the present length in bytes. It never waits for S3.
func (f *File) Size() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.size
}

// Dirty tells whether there is something that Publish would publish.
func (f *File) Dirty() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state == dirty || f.state == publishing
}

// Err is the latched error.
func (f *File) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.alive()
}

// Object is the version last published, or the one that was opened; false if
// there is none yet.
func (f *File) Object() (Object, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.object == nil {
		return Object{}, false
	}
	return *f.object, true
}

// Stored tells whether the key has an object that the file was opened on or
// has published, also where the file was emptied since.
func (f *File) Stored() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stored
}

// Key is the key under which the file will be published.
func (f *File) Key() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.key
}

// Attributes are those of the next version.
func (f *File) Attributes() Attributes {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.attrs
}

// SetAttributes changes what the next version carries. It is false where the
// running upload has begun without them; they are then kept for the version
// after.
func (f *File) SetAttributes(a Attributes) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attrs = a
	return f.upload == nil
}

// Rename changes the key of a file of which S3 knows nothing yet; ErrStarted
// where it does. exclusive is FileOptions.Exclusive for the new key.
func (f *File) Rename(key string, exclusive bool) error {
	f.op.Lock()
	defer f.op.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.upload != nil || f.stored {
		return ErrStarted
	}
	f.key, f.exclusive, f.absent = key, exclusive, false
	return f.alive()
}

// Moved tells a clean file that the object it holds is now object: a copy of
// it under another key, or the same content with other attributes.
func (f *File) Moved(object Object) error {
	f.op.Lock()
	defer f.op.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state != clean || f.upload != nil || object.Size != f.size {
		return ErrStarted
	}
	f.key = object.Key
	f.base(object)
	return nil
}

// base makes object what the file is a changed version of; mu is held.
func (f *File) base(object Object) {
	f.closeReader()
	f.object, f.stored = &object, true
	f.below = nil
	if object.Size > 0 {
		f.below.put(extent{hi: object.Size, src: &object})
	}
}
