package fs

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/s3mpfs/s3mpfs/writer"
)

// errnos maps the classes of faults to what a program sees, the more specific
// class first; a class or error that is not here is EIO.
//
// ENOSYS and ENOTSUP must never be in here: answered to FLUSH or FSYNC they
// silence the operation for the whole mount, and close(2) would always succeed.
// Only the absence of an object is ENOENT. EAGAIN and EINVAL are not here
// either, because programs take them for something else than a failure.
var errnos = []struct {
	class error
	errno syscall.Errno
}{
	{writer.ErrExists, syscall.EEXIST},    // O_EXCL lost the race
	{writer.ErrStale, syscall.ESTALE},     // append or edit lost the race
	{writer.ErrUnlinked, syscall.ESTALE},  // removed while open, and too big to go on without a name
	{writer.ErrDiscarded, syscall.ESTALE}, // parked or aborted while open
	{writer.ErrAtomic, syscall.EPERM},     // the mount does not permit it
	{writer.ErrTooBig, syscall.EFBIG},     // past the largest object
	{writer.ErrHole, syscall.EFBIG},       // further beyond the end than allowed
	{writer.ErrTooLarge, syscall.EFBIG},   // the store's own limit
	{errNotEmpty, syscall.ENOTEMPTY},
	{writer.ErrNotFound, syscall.ENOENT},
	{writer.ErrPrecondition, syscall.ESTALE},
	{writer.ErrStarted, syscall.EBUSY},
	{writer.ErrConflict, syscall.EBUSY}, // someone else changes the same key now
	{writer.ErrAccess, syscall.EACCES},
	{writer.ErrCredentials, syscall.EACCES},
	{writer.ErrLocked, syscall.EPERM},    // object lock; the log has S3's reason
	{writer.ErrArchived, syscall.EACCES}, // as mount-s3 does; the log says to restore it
	{writer.ErrQuota, syscall.ENOSPC},
	{writer.ErrNoSuchBucket, syscall.EIO}, // not ENOENT: the name may well exist
	{writer.ErrNoSuchUpload, syscall.EIO}, // aborted by someone else
	{writer.ErrChecksum, syscall.EIO},
	{writer.ErrUnavailable, syscall.EIO},
	{writer.ErrInvalid, syscall.EIO}, // EINVAL would blame the program
	{writer.ErrUnsupported, syscall.EIO},
	{writer.ErrClosed, syscall.EIO}, // the mount is ending
}

// errnoOf is the one place where an error becomes an errno.
func errnoOf(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	for _, e := range errnos {
		if errors.Is(err, e.class) {
			return e.errno
		}
	}
	return syscall.EIO
}

// details are what an errno cannot carry of err, as slog attributes.
func details(err error) []any {
	attrs := []any{"error", err, "errno", unix.ErrnoName(errnoOf(err))}
	var s *writer.StoreError
	if errors.As(err, &s) {
		attrs = append(attrs, "code", s.Code, "status", s.Status, "request_id", s.RequestID)
	}
	if errors.Is(err, writer.ErrArchived) {
		attrs = append(attrs, "hint", "restore the object before reading it")
	}
	return attrs
}
