// Package fs is the FUSE tree over an S3 bucket: names, inodes, handles and
// errnos. What a file being written holds, and how it becomes an object, is
// package writer's.
//
// A directory is a prefix that ends with a slash, whether or not there is a
// marker object of that key; a file is an object. There are two kinds of node:
// [dir] and [file]. S3 is the truth about names, except for what this mount
// knows better: files not yet published, and directories whose last entry this
// mount removed, which stay visible until they are removed themselves. What S3
// told is believed for Options.MetadataTTL.
//
// A file node stands for one object after the other as this mount publishes
// them. An object that someone else puts in its place gets a node of its own as
// soon as it is noticed, at a lookup or an open, so that whoever has the old one
// open never reads a mix of two versions.
//
// What S3 has no room for, a mode, an owner, a time, the target of a link, lies
// in objects' metadata (posix.go). It travels with the request that makes the
// object, or follows in a copy (pending.go). Listings do not tell it; by the
// algorithm of each checksum they tell whom to ask about (ask.go, and package
// s3store's mark.go), so that ls and stat always say the same.
//
// No request of S3 runs under the context of a FUSE request: a signal to the
// caller cancels that, and Go programs signal themselves all the time.
package fs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	gofuse "github.com/hanwen/go-fuse/v2/fs"

	"github.com/s3mpfs/s3mpfs/internal/panics"
	"github.com/s3mpfs/s3mpfs/internal/readahead"
	"github.com/s3mpfs/s3mpfs/writer"
)

// Tree is the file system of one bucket, or of one prefix in it.
type Tree struct {
	bucket    Bucket
	engine    *writer.Engine
	o         Options
	root      *dir
	processes processes
	hidden    hidden
	contended contended
	shown     shown
	heads     heads
	misses    misses
	mounter   int // user
	names     *standstill
	started   time.Time

	ctx  context.Context // of every request of S3; ends with Close
	stop context.CancelFunc

	told   atomic.Int64 // failed files, counted when a program was told
	untold atomic.Int64 // and those of which none was

	// behind is read-held while something goes on that the end of the mount
	// waits for: a file published after close(2), a directory renamed.
	behind sync.RWMutex
	turns  chan struct{} // one for each file that is published while no program waits

	// mu guards what follows and the keys of all nodes. Only the locks of
	// listings are taken while it is held; it is never held across I/O.
	mu       sync.RWMutex
	open     map[string]map[string]*file    // files with content of their own, by directory and name
	orphans  map[*file]struct{}             // files with content of their own but without a name
	kept     map[string]map[string]struct{} // directories emptied by this mount, by parent and name
	listings map[string]*listing            // by directory
	owed     map[string]error               // failures to be told at the next open, by key
	failed   []Failure                      // of which no program was told
	renames  map[*renaming]struct{}         // directories that are being renamed
	settling map[settler]*time.Timer        // what has pending attributes
	storing  map[settler]struct{}           // whose attributes are on their way
}

// New makes the tree of a bucket. The engine stays the caller's, to be closed
// after Close; its objects are read ahead from now on.
func New(bucket Bucket, engine *writer.Engine, o Options) *Tree {
	engine.ReadThrough(func(object writer.Object) writer.ObjectReader {
		return readahead.New(bucket, engine.Memory(), object, readahead.Options{Log: o.Log})
	})
	t := &Tree{
		bucket: bucket, engine: engine, o: o.withDefaults(), processes: procfs("/proc"),
		open: map[string]map[string]*file{}, orphans: map[*file]struct{}{}, owed: map[string]error{}, kept: map[string]map[string]struct{}{},
		listings: map[string]*listing{}, renames: map[*renaming]struct{}{}, settling: map[settler]*time.Timer{}, storing: map[settler]struct{}{}, mounter: os.Geteuid(),
		started: time.Now(), names: newStandstill(),
	}
	t.turns = make(chan struct{}, engine.Options().Concurrency)
	t.ctx, t.stop = context.WithCancel(context.Background())
	t.root = t.newDir(t.o.Prefix)
	return t
}

// Failure is a file that could not be made durable.
type Failure struct {
	Path string // from the mount point on
	Err  error
}

func (f Failure) Error() string { return fmt.Sprintf("%s: %v", f.Path, f.Err) }

// Told is how many files failed so far of which a program was told, by an error
// of write, fsync or close.
func (t *Tree) Told() int { return int(t.told.Load()) }

// Failed is how many files failed so far, whether or not a program was told.
func (t *Tree) Failed() int { return int(t.told.Load() + t.untold.Load()) }

// Finalise publishes every file that has unpublished bytes, all in parallel,
// and returns the files for which that failed, including those that failed
// earlier without any program having been told. It gives up waiting, but not
// the work, when ctx ends.
func (t *Tree) Finalise(ctx context.Context) []Failure {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := t.finaliseSoundly(); err != nil {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.failed = append(t.failed, Failure{"/", err})
		}
	}()
	select {
	case <-done:
	case <-ctx.Done():
		for _, f := range t.openFiles() {
			f.count(fmt.Errorf("not finished: %w", context.Cause(ctx)))
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	failed := t.failed
	t.failed = nil
	return failed
}

// finaliseSoundly is the work of Finalise; its error is that the program finds
// itself wrong, so that nobody can tell what is durable.
func (t *Tree) finaliseSoundly() (err error) {
	defer panics.Catch(t.o.Log, &err)
	published := t.publishAll()
	t.behind.Lock()
	defer t.behind.Unlock()
	stored := t.storeAllAttributes()
	removed := t.orphaned()
	return errors.Join(published, stored, t.each(len(removed), func(i int) { removed[i].endAside(always) }))
}

func (t *Tree) publishAll() error {
	files := t.openFiles()
	return t.each(len(files), func(i int) { files[i].finalise() })
}

// each does something n times in parallel. Whatever it is done to keeps its own
// failure; the error is that the program found itself wrong.
func (t *Tree) each(n int, do func(i int)) error {
	var work errgroup.Group
	for i := range n {
		work.Go(func() (err error) {
			defer panics.Catch(t.o.Log, &err)
			do(i)
			return nil
		})
	}
	return work.Wait()
}

// Close ends every request, drops what was not published and gives all memory
// back; call Finalise first. The tree must not be mounted any more, except by
// programs that outlive a detached mount, whose calls fail from now on.
func (t *Tree) Close() {
	t.stop()
	for _, s := range t.unsettled() {
		t.settled(s)
	}
	for _, f := range append(t.openFiles(), t.orphaned()...) {
		f.drop()
	}
	walk(&t.root.Inode, func(n gofuse.InodeEmbedder) {
		if f, ok := n.(*file); ok {
			f.drop()
		}
	})
}

func (t *Tree) openFiles() (files []*file) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, names := range t.open {
		for _, f := range names {
			files = append(files, f)
		}
	}
	return files
}

func (t *Tree) orphaned() []*file {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Collect(maps.Keys(t.orphans))
}

// addOpen makes the names of the tree show f although S3 may not have it yet.
func (t *Tree) addOpen(f *file) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.unlinked {
		return
	}
	dirKey, name := split(f.key)
	if t.open[dirKey] == nil {
		t.open[dirKey] = map[string]*file{}
	}
	t.open[dirKey][name] = f
}

func (t *Tree) removeOpen(f *file) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.removeOpenLocked(f)
}

func (t *Tree) removeOpenLocked(f *file) {
	dirKey, name := split(f.key)
	delete(t.orphans, f)
	if t.open[dirKey][name] != f {
		return
	}
	if delete(t.open[dirKey], name); len(t.open[dirKey]) == 0 {
		delete(t.open, dirKey)
	}
}

func (t *Tree) openFile(dirKey, name string) *file {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.open[dirKey][name]
}

// keep makes a directory stay visible although S3 may show nothing of it any
// more.
func (t *Tree) keep(dirKey string) {
	if dirKey == t.o.Prefix {
		return
	}
	parent, name := split(dirKey)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept[parent] == nil {
		t.kept[parent] = map[string]struct{}{}
	}
	t.kept[parent][name] = struct{}{}
}

// forsake ends keep.
func (t *Tree) forsake(parent, name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if delete(t.kept[parent], name); len(t.kept[parent]) == 0 {
		delete(t.kept, parent)
	}
}

func (t *Tree) isKept(parent, name string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	_, ok := t.kept[parent][name]
	return ok
}

// local tells whether this mount knows of entries in a directory that S3 may
// not show.
func (t *Tree) local(dirKey string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.open[dirKey])+len(t.kept[dirKey]) > 0
}

// path is key as the user of the mount sees it.
func (t *Tree) path(key string) string {
	return "/" + strings.TrimPrefix(key, t.o.Prefix)
}

func (t *Tree) addFailure(f *file, err error) {
	path := t.path(f.currentKey())
	t.untold.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = append(t.failed, Failure{path, err})
}

// hide logs, once, that a key has no place in the tree.
func (t *Tree) hide(key, reason string) {
	if t.hidden.first(key) {
		t.o.Log.Warn("key not shown", "key", key, "reason", reason)
	}
}

// fresh tells whether what S3 told at asked is still believed.
func (t *Tree) fresh(asked time.Time) bool {
	return time.Since(asked) < t.o.MetadataTTL
}

// fail gives the errno for err and, unless err is an answer rather than a
// fault, writes the one line that says what an errno cannot carry.
func (t *Tree) fail(op, key string, err error) syscall.Errno {
	errno := errnoOf(err)
	if err != nil && errno != syscall.ENOENT && errno != syscall.EEXIST {
		t.o.Log.Error(op+" failed", append([]any{"path", t.path(key)}, details(err)...)...)
	}
	return errno
}
