package writer

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/dustin/go-humanize"

	"github.com/s3mpfs/s3mpfs/internal/memory"
	"github.com/s3mpfs/s3mpfs/internal/panics"
)

// Options of an engine. The zero value of a field means its default.
type Options struct {
	// PartSize in bytes of the first parts of a file, rounded up to whole
	// blocks; 10 MiB by default.
	PartSize int64
	// UniformParts keeps every part of an upload but the last at PartSize, for
	// stores that demand it (Cloudflare R2). A file is then at most
	// Limits.MaxParts times PartSize.
	UniformParts bool
	// Memory in bytes for everything that is held of file content; 512 MiB by
	// default, at least four times PartSize.
	Memory int64
	// BlockSize in bytes is the unit of memory; memory.BlockSize by default.
	BlockSize int64
	// Concurrency is the greatest number of requests that make parts or
	// objects at the same time; 64 by default. How many there are is found by
	// trying, see Engine.Concurrency.
	Concurrency int
	// Checksum that every part and object carries. Default: CRC64NVME; set
	// NoChecksum for none.
	Checksum   Algorithm
	NoChecksum bool
	// Atomic forbids to publish a file before it is closed.
	Atomic bool
	// MaxHole in bytes: how far beyond its end a file may be written or
	// truncated; the bytes between are sent as zeros. 1 GiB by default.
	MaxHole int64
	// Limits of the store; AmazonLimits by default.
	Limits Limits
	// Log takes what no return value can carry; nothing by default.
	Log *slog.Logger
}

// withDefaults fills in what is zero and refuses what cannot work.
func (o Options) withDefaults() (Options, error) {
	o.BlockSize = cmp.Or(o.BlockSize, memory.BlockSize)
	o.PartSize = cmp.Or(o.PartSize, 10<<20)
	o.PartSize += (o.BlockSize - o.PartSize%o.BlockSize) % o.BlockSize
	o.Memory = cmp.Or(o.Memory, max(512<<20, 4*o.PartSize))
	o.Concurrency = cmp.Or(o.Concurrency, 64)
	o.MaxHole = cmp.Or(o.MaxHole, 1<<30)
	o.Limits = cmp.Or(o.Limits, AmazonLimits)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.Checksum == None && !o.NoChecksum {
		o.Checksum = CRC64NVME
	}
	if err := o.Limits.check(); err != nil {
		return o, err
	}
	switch size := func(n int64) string { return humanize.IBytes(uint64(n)) }; {
	case o.PartSize < o.Limits.MinPart || o.PartSize > o.Limits.MaxPart:
		return o, fmt.Errorf("part size %s: S3 takes parts of %s to %s", size(o.PartSize), size(o.Limits.MinPart), size(o.Limits.MaxPart))
	case o.Memory < 4*o.PartSize:
		return o, fmt.Errorf("memory %s: four parts of %s need at least %s", size(o.Memory), size(o.PartSize), size(4*o.PartSize))
	case o.Concurrency < 1:
		return o, fmt.Errorf("concurrency %d: at least one request must be allowed", o.Concurrency)
	}
	return o, nil
}

// FileOptions describe one file.
type FileOptions struct {
	// Attributes the object gets. They may be changed until the upload starts.
	Attributes Attributes
	// Exclusive: complete only if no object of that key exists
	// (If-None-Match: *), else ErrExists.
	Exclusive bool
	// Absent: there was no object of that key when the file was opened, and it
	// was not meant to replace one. Complete only if there is still none, else
	// ErrStale.
	Absent bool
}

// Engine is what the files being written to one bucket share: the store, the
// memory and the number of requests in flight.
type Engine struct {
	store Store
	o     Options
	pool  *memory.Pool
	slots *slots
	zeros memory.Block // a block of zeros that nobody writes: the content of holes

	// reserve holds the one right to the pool's last PartSize bytes, which a
	// publish takes when it needs memory to free memory.
	reserve chan struct{}
	spare   []memory.Block

	// fetching holds the one right to copy a range shorter than a part through
	// memory outside the pool. It is taken before a file's op.
	fetching chan struct{}

	tick      atomic.Int64 // counts changes of files, to find the coldest
	inFlight  atomic.Int64 // parts being made: memory is coming back
	held      atomic.Int64 // blocks that files have, without those of the reserve
	relieving atomic.Int64 // files being published to free their memory
	sheddable atomic.Bool  // there may be blocks whose bytes S3 has too
	readers   readers
	searching sync.Mutex // held while somebody looks for files to publish

	mu    sync.Mutex // guards what follows and spare; never held across I/O
	files map[*File]struct{}

	undertakings sync.WaitGroup // goroutines started for files
}

// New starts an engine. Its memory is reserved at once but used only as files
// are written.
func New(store Store, o Options) (*Engine, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	pool, err := memory.NewWithBlocks(o.Memory, o.BlockSize)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		store: sound{store, o.Log}, o: o, pool: pool, slots: newSlots(o.Concurrency),
		zeros:   make(memory.Block, o.BlockSize),
		reserve: make(chan struct{}, 1), fetching: make(chan struct{}, 1), files: map[*File]struct{}{},
	}
	for range o.reserveBlocks() {
		e.spare = append(e.spare, pool.TryGet())
	}
	return e, nil
}

// Close frees the memory. All files must have been closed or released.
func (e *Engine) Close() error {
	e.mu.Lock()
	open := len(e.files)
	e.mu.Unlock()
	if open > 0 {
		return fmt.Errorf("writer: %d files are still open", open)
	}
	e.undertakings.Wait()
	e.pool.Put(e.spare...)
	e.spare = nil
	return e.pool.Close()
}

// Options are those of New with the defaults filled in.
func (e *Engine) Options() Options { return e.o }

// Memory is the budget, for others that hold file content: they take blocks
// with TryGet only, so that files being written come first.
func (e *Engine) Memory() *memory.Pool { return e.pool }

// MaxFileSize is the largest file in bytes that can be written.
func (e *Engine) MaxFileSize() int64 { return e.o.maxFileSize() }

// Concurrency is the number of requests that may carry content at present. It
// grows while that makes the whole faster.
func (e *Engine) Concurrency() int { return e.slots.count() }

// SlowDown halves the concurrency. It is to be called when the store answers
// that it wants fewer requests (503 SlowDown); the request itself is repeated
// by the store's implementation.
func (e *Engine) SlowDown() { e.slots.slower() }

// Files describes the files that are open, by key.
func (e *Engine) Files() []Status {
	var all []Status
	for _, f := range e.open() {
		all = append(all, f.Status())
	}
	slices.SortFunc(all, func(a, b Status) int { return cmp.Compare(a.Key, b.Key) })
	return all
}

func (e *Engine) open() []*File {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]*File, 0, len(e.files))
	for f := range e.files {
		all = append(all, f)
	}
	return all
}

// Create begins a new object, or one that replaces what is there. Nothing is
// sent before there is a full part or Publish is called; until a Publish has
// returned nil, an object that was there stays as it was.
func (e *Engine) Create(key string, o FileOptions) *File {
	f := e.newFile(key, o)
	f.state = dirty
	return e.register(f)
}

// Open begins to change the object base, which the new version will replace
// only if it is still the current one (If-Match). What is not changed is
// copied within S3, not sent again.
func (e *Engine) Open(base Object, o FileOptions) *File {
	f := e.newFile(base.Key, o)
	f.object, f.stored = &base, true
	f.size = base.Size
	if base.Size > 0 {
		f.below.put(extent{hi: base.Size, src: &base})
	}
	return e.register(f)
}

func (e *Engine) newFile(key string, o FileOptions) *File {
	f := &File{engine: e, key: key, attrs: o.Attributes, exclusive: o.Exclusive, absent: o.Absent, blocks: map[int64]*block{}}
	f.cond.L = &f.mu
	f.due = e.o.PartSize
	return f
}

// register makes a file, whole by now, known to those who look for memory.
func (e *Engine) register(f *File) *File {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.files[f] = struct{}{}
	return f
}

func (e *Engine) forget(f *File) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.files, f)
}

// undertake runs work for f that outlives the call that began it; Close waits
// for it. Where the program finds itself wrong f fails, and no other file.
func (e *Engine) undertake(f *File, work func()) {
	e.undertakings.Go(func() {
		if err := e.soundly(work); err != nil {
			_ = f.failWith(err) // its program hears of it
		}
	})
}

// soundly makes an error of a panic in work.
func (e *Engine) soundly(work func()) (err error) {
	defer panics.Catch(e.o.Log, &err)
	work()
	return nil
}

// free gives the memory of a block back to where it came from.
func (e *Engine) free(b *block) {
	data, reserve := b.data, b.reserve
	b.recycle()
	if !reserve {
		e.put(data)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.spare = append(e.spare, data)
}
