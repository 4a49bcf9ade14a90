// Package readahead reads one immutable object version by ranged GETs.
//
// A read that stands alone is one GET of exactly the bytes it asks for, into
// the caller's buffer. Two reads of which the second begins where the first
// ended make a stream, and a stream has a window ahead of it: ranges that
// several GETs fetch at the same time. The window begins small and grows
// whenever the stream had to wait for bytes, so that it becomes as large as
// latency and bandwidth demand and no larger.
//
// The bytes ahead live in blocks of the mount's memory budget, which one GET
// fills one after the other. Read-ahead never waits for memory and leaves a
// share of it to the writers; a stream that gets none reads directly. A fetched
// range belongs to the object, not to a stream: it is kept while it lies in the
// window of any stream, so several readers of one file fetch it once. A new
// stream may be another reader, or the same one after a seek; the windows of the
// others become small again, and those that are still read soon grow back.
package readahead

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/memory"
	"github.com/s3mpfs/s3mpfs/writer"
)

// Source is the part of S3 that reading needs.
type Source interface {
	// ReadRange fills the slices of p, one after the other, with the bytes of
	// obj from offset on, in one request, or fails.
	ReadRange(ctx context.Context, obj writer.Object, offset int64, p ...[]byte) error
}

// Options of a Reader. The zero value of a field means its default.
type Options struct {
	// MaxWindow in bytes is how far ahead one stream may fetch. By default
	// half of the memory budget, at most 264 MiB.
	MaxWindow int64
	// Log takes what is wrong with the program itself; nothing by default.
	Log *slog.Logger
}

// defaultMaxWindow keeps 32 GETs of 8 MiB under way beside the one that is being
// read, which at 25 ms and 90 MB/s a connection carry more than 2 GB/s.
const defaultMaxWindow = 33 * maxFetch

func (o Options) withDefaults(pool *memory.Pool) Options {
	if o.MaxWindow == 0 {
		o.MaxWindow = min(defaultMaxWindow, pool.Size()/2)
	}
	o.MaxWindow = max(o.MaxWindow, minWindow)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	return o
}

// Reader reads one object version. It is an io.ReaderAt and an io.Closer, safe
// for concurrent use, made to be shared by all who read that version.
type Reader struct {
	src  Source
	pool *memory.Pool
	obj  writer.Object
	opts Options

	ctx    context.Context // ends with Close; of every GET
	cancel context.CancelFunc
	work   sync.WaitGroup // reads and fetches under way; Add only under mu while not closed

	mu      sync.Mutex // guards what follows; never held across I/O
	closed  bool
	recent  recentReads
	streams []*stream // the one used last at the end
	fetches []*fetch  // by offset, disjoint
	idle    *time.Timer
}

// New makes a reader of obj, whose Size must be known. It costs nothing until
// it is read from.
func New(src Source, pool *memory.Pool, obj writer.Object, o Options) *Reader {
	ctx, cancel := context.WithCancel(context.Background())
	return &Reader{src: src, pool: pool, obj: obj, opts: o.withDefaults(pool), ctx: ctx, cancel: cancel}
}

// ReadAt implements io.ReaderAt. An error of the store comes up wrapped, and
// only to the reads whose bytes it concerns; the same read tried again asks the
// store again.
func (r *Reader) ReadAt(p []byte, off int64) (n int, err error) {
	v, err := r.view(p, off)
	if v == nil {
		return 0, err
	}
	defer v.release()
	for _, b := range v.bytes {
		if len(b) > 0 && &b[0] != &p[n] { // it was not read into p
			copy(p[n:], b)
		}
		n += len(b)
	}
	return n, err
}

// View implements writer.ObjectReader. Nothing is copied: what was fetched ahead
// is given from where it lies.
func (r *Reader) View(p []byte, off int64) (bytes [][]byte, release func(), err error) {
	v, err := r.view(p, off)
	switch {
	case v == nil:
		return nil, nil, err
	case err != nil && err != io.EOF:
		v.release()
		return nil, nil, err
	}
	return v.bytes, v.release, err
}

// begin registers the read of n bytes at off and, where it belongs to a stream,
// starts the fetches that the stream wants now.
func (r *Reader) begin(off, n int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return os.ErrClosed
	}
	r.work.Add(1)
	if n == 0 {
		return nil
	}
	r.forgetFailed(off, off+n)
	if s := r.streamOf(off); s != nil {
		r.advance(s, off, n)
	} else {
		r.recent.add(off + n)
		r.fetchLone(off, n)
	}
	return nil
}

// explain tells a read that Close has cancelled from one that failed.
func (r *Reader) explain(err error) error {
	if r.ctx.Err() != nil {
		return os.ErrClosed
	}
	return err
}

// Shed gives up everything that was fetched ahead and that no read waits for,
// and lets every stream begin again with a small window. It is for whoever
// needs the memory for writing, and does not block; fetches under way give
// their blocks back when their request has been cancelled.
func (r *Reader) Shed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resetStreams()
	r.drop(func(*fetch) bool { return false })
}

// Close cancels what is under way, waits for it, and gives all memory back.
// Reads that were waiting fail, later ones too (os.ErrClosed).
func (r *Reader) Close() {
	r.cancel()
	r.mu.Lock()
	r.closed = true
	r.streams = nil
	if r.idle != nil {
		r.idle.Stop()
	}
	r.drop(func(*fetch) bool { return false })
	r.mu.Unlock()
	r.work.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(func(*fetch) bool { return false })
}

var _ writer.ObjectReader = (*Reader)(nil)
