package fs

import (
	"context"
	"errors"
	"io"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	gofuse "github.com/hanwen/go-fuse/v2/fs"

	"github.com/s3mpfs/s3mpfs/writer"
)

// handle is an open file: what dup(2) and fork(2) share.
type handle struct {
	file    *file
	writes  bool // it was opened for writing, or it created or emptied the file
	appends bool
	opener  int // thread group, 0 if it cannot be seen

	flushed bool // guarded by file.mu: a descriptor was closed, and none used since

	dead error // guarded by file.mu: the content it wrote to has failed and was replaced

	mu     sync.Mutex     // guards groups; held across reads of /proc, never of S3
	groups map[uint32]int // thread group of each thread that wrote
}

var (
	_ gofuse.FileReader    = (*handle)(nil)
	_ gofuse.FileWriter    = (*handle)(nil)
	_ gofuse.FileFlusher   = (*handle)(nil)
	_ gofuse.FileFsyncer   = (*handle)(nil)
	_ gofuse.FileReleaser  = (*handle)(nil)
	_ gofuse.FileAllocater = (*handle)(nil)
	_ gofuse.FileLseeker   = (*handle)(nil)
)

// newHandle registers an open with the flags of open(2).
func (f *file) newHandle(ctx context.Context, flags uint32) *handle {
	h := &handle{
		file:    f,
		writes:  flags&syscall.O_ACCMODE != syscall.O_RDONLY || flags&(syscall.O_CREAT|syscall.O_TRUNC) != 0,
		appends: flags&syscall.O_APPEND != 0,
		opener:  f.tree.processes.group(caller(ctx)),
		groups:  map[uint32]int{},
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handles[h] = struct{}{}
	if h.writes {
		f.writers++
	}
	return h
}

// openTruncated is an open with O_TRUNC. The old object stays until the new
// one is published.
func (f *file) openTruncated(ctx context.Context, flags uint32) (gofuse.FileHandle, uint32, syscall.Errno) {
	f.restart()
	f.disarm(ctx)
	h, errno := f.open(ctx, flags)
	if errno != 0 {
		return nil, 0, errno
	}
	return h, fuse.FOPEN_DIRECT_IO, 0
}

// caller is the thread that a request comes from, 0 if it cannot be seen.
func caller(ctx context.Context) uint32 {
	if c, ok := fuse.FromContext(ctx); ok {
		return c.Pid
	}
	return 0
}

// Read fills p, and ends early only at the end of the file.
func (h *handle) Read(_ context.Context, p []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	f := h.file
	h.flush(false)
	f.io.RLock()
	defer f.io.RUnlock()
	result, err := f.read(p, off)
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return result, 0
	}
	return nil, f.fail("read", stale(err))
}

// stale makes of the absence of an object what it is to whoever has the file
// open: it was there when it was opened.
func stale(err error) error {
	if errors.Is(err, writer.ErrNotFound) && !errors.Is(err, writer.ErrStale) {
		return errors.Join(writer.ErrStale, err)
	}
	return err
}

// Write takes p, which is the kernel's until the return.
func (h *handle) Write(ctx context.Context, p []byte, off int64) (uint32, syscall.Errno) {
	f := h.file
	h.flush(false)
	f.io.RLock()
	defer f.io.RUnlock()
	if err := h.failure(); err != nil {
		return 0, errnoOf(err)
	}
	h.note(caller(ctx))
	n, err := h.write(p, off)
	f.touch()
	f.disarm(ctx)
	if err != nil && n > 0 && f.intact() { // a short count; the next write gets the error
		return uint32(n), 0
	}
	return uint32(n), f.fail("write", err)
}

// intact tells whether the content has not failed.
func (f *file) intact() bool {
	c := f.current()
	return c != nil && c.Err() == nil
}

func (h *handle) write(p []byte, off int64) (n int, err error) {
	c, err := h.file.changeable()
	if err != nil {
		return 0, err
	}
	if h.appends {
		_, n, err = c.Append(p)
		return n, err
	}
	return c.WriteAt(p, off)
}

// failure is that of content that was replaced since, as an open with O_TRUNC
// does after a failure. It was logged when it happened.
func (h *handle) failure() error {
	h.file.mu.Lock()
	defer h.file.mu.Unlock()
	return h.dead
}

// Fsync makes the file durable and visible, or only sends what it can, as
// Options.Fsync says.
func (h *handle) Fsync(context.Context, uint32) syscall.Errno {
	f := h.file
	if errno := h.sync(); errno != 0 || f.tree.o.Fsync != FsyncPublish {
		return errno
	}
	return errnoOf(f.storeAttributes())
}

func (h *handle) sync() syscall.Errno {
	f := h.file
	f.io.RLock()
	defer f.io.RUnlock()
	if err := h.failure(); err != nil {
		return errnoOf(err)
	}
	return f.fail("fsync", f.sync())
}

func (f *file) sync() error {
	c := f.current()
	switch {
	case c == nil:
		return nil
	case f.isUnlinked():
		return nil
	case c.Err() != nil:
		return c.Err()
	case f.tree.o.Fsync == FsyncUpload:
		return c.Drain()
	case c.Dirty() && f.tree.engine.Options().Atomic:
		return writer.ErrAtomic
	}
	return f.publish()
}

// Release ends the handle. Whoever closed it has been told the truth by FLUSH,
// unless no FLUSH fulfilled the rule of [Tree.onFlush]: then this is the last
// resort, and a failure goes to the log and to the mount's exit code.
func (h *handle) Release(context.Context) syscall.Errno {
	f := h.file
	f.mu.Lock()
	delete(f.handles, h)
	if h.writes {
		f.writers--
	}
	told, last := f.told, len(f.handles) == 0
	f.mu.Unlock()
	switch {
	case h.writes && f.tree.o.WriteBehind:
		h.endBehind(told)
	case h.writes || last && f.isUnlinked():
		_ = h.end(told) // logged and counted
	}
	if last {
		f.closeReaders()
		f.dropAside()
	}
	return 0
}

// end publishes what is left if this was the last handle that may write. A
// failure that no program was told of is logged and counted.
func (h *handle) end(told bool) error {
	f := h.file
	err := f.endUnlessOpen()
	if err == nil || dropped(err) {
		return nil
	}
	if !told {
		f.count(err)
		f.fail("close", err)
	}
	return err
}

// flush notes that a descriptor was closed, or that one is used.
func (h *handle) flush(closed bool) {
	h.file.mu.Lock()
	defer h.file.mu.Unlock()
	h.flushed = closed
}

// closeReaders ends reading unless somebody has opened the file again.
func (f *file) closeReaders() {
	f.mu.Lock()
	none := f.reader == nil && len(f.retired) == 0
	f.mu.Unlock()
	if none { // and nobody need wait for whoever publishes the file
		return
	}
	f.io.Lock()
	defer f.io.Unlock()
	f.mu.Lock()
	open := len(f.handles)
	f.mu.Unlock()
	if open == 0 {
		f.dropReaders()
	}
}

// Lseek finds data everywhere and a hole at the end.
func (h *handle) Lseek(_ context.Context, off uint64, whence uint32) (uint64, syscall.Errno) {
	const seekData, seekHole = 3, 4 // lseek(2)
	h.file.mu.Lock()
	size := uint64(h.file.size())
	h.file.mu.Unlock()
	switch {
	case whence != seekData && whence != seekHole:
		return 0, syscall.EINVAL
	case off >= size:
		return 0, syscall.ENXIO
	case whence == seekHole:
		return size, 0
	}
	return off, 0
}

// Allocate is fallocate(2): there is always room, so that only a greater size
// is left to do. Holes cannot be made.
func (h *handle) Allocate(ctx context.Context, off, size uint64, mode uint32) syscall.Errno {
	const keepSize = 1 // FALLOC_FL_KEEP_SIZE
	if mode&^keepSize != 0 {
		return syscall.EOPNOTSUPP
	}
	f := h.file
	f.mu.Lock()
	end, now := int64(off+size), f.size()
	f.mu.Unlock()
	if mode == keepSize || end <= now {
		return 0
	}
	f.disarm(ctx)
	return f.setSize(end)
}
