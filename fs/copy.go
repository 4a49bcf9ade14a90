package fs

import (
	"context"
	"syscall"

	gofuse "github.com/hanwen/go-fuse/v2/fs"

	"github.com/s3mpfs/s3mpfs/writer"
)

// maxCopy is the most bytes one answer to COPY_FILE_RANGE can count, in whole
// blocks.
const maxCopy = 1<<32 - blockSize

// CopyFileRange copies between two files within S3, without a byte passing
// through this machine. A source with unpublished bytes is published first.
// Where publishing before close is forbidden, or the file is the same,
// EOPNOTSUPP makes programs read and write instead.
func (f *file) CopyFileRange(ctx context.Context, _ gofuse.FileHandle, off uint64, out *gofuse.Inode, fhOut gofuse.FileHandle, offOut, size, _ uint64) (uint32, syscall.Errno) {
	target, ok := fhOut.(*handle)
	if !ok || target.file == f || target.appends || f.tree.engine.Options().Atomic {
		return 0, syscall.EOPNOTSUPP
	}
	f.copied.RLock()
	defer f.copied.RUnlock()
	src, err := f.source()
	if err != nil {
		return 0, f.fail("copy_file_range", stale(err))
	}
	if src.Key == "" {
		return 0, syscall.EOPNOTSUPP
	}
	n := min(int64(size), src.Size-int64(off), maxCopy)
	if n <= 0 {
		return 0, 0
	}
	if errno := target.copyFrom(ctx, src, int64(off), int64(offOut), n); errno != 0 {
		return 0, errno
	}
	return uint32(n), 0
}

// source is the object version to copy from, none where it cannot be made.
func (f *file) source() (writer.Object, error) {
	f.io.RLock()
	defer f.io.RUnlock()
	if f.isUnlinked() { // there is no object; what can be read is in memory
		return writer.Object{}, nil
	}
	if f.current() != nil {
		if err := f.publish(); err != nil {
			return writer.Object{}, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.object, nil
}

func (h *handle) copyFrom(ctx context.Context, src writer.Object, srcOff, off, n int64) syscall.Errno {
	f := h.file
	f.io.RLock()
	defer f.io.RUnlock()
	if err := h.failure(); err != nil {
		return errnoOf(err)
	}
	h.note(caller(ctx))
	c, err := f.changeable()
	if err == nil {
		err = c.CopyFrom(src, srcOff, off, n)
	}
	f.touch()
	f.disarm(ctx)
	return f.fail("copy_file_range", stale(err))
}
