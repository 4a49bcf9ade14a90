package writer

import (
	"errors"
	"fmt"
)

// Classes of faults. A [*StoreError] unwraps to one of the first group; match
// with errors.Is.
var (
	ErrNotFound     = errors.New("no such object")
	ErrNoSuchBucket = errors.New("no such bucket")
	ErrNoSuchUpload = errors.New("no such multipart upload")
	ErrPrecondition = errors.New("the object was changed by someone else")
	ErrConflict     = errors.New("a conflicting operation is under way")
	ErrAccess       = errors.New("access denied")
	ErrCredentials  = errors.New("the credentials are missing, wrong or expired")
	ErrLocked       = errors.New("the object is protected against being changed")
	ErrArchived     = errors.New("the object is archived and must be restored first")
	ErrQuota        = errors.New("the store has no room or the quota is used up")
	ErrTooLarge     = errors.New("larger than the store takes")
	ErrChecksum     = errors.New("the bytes that arrived are not the bytes that were sent")
	ErrUnavailable  = errors.New("the store cannot be reached or keeps failing")
	ErrInvalid      = errors.New("the store refuses the request as invalid")
	ErrUnsupported  = errors.New("the store does not know this operation")

	// ErrExists: created with Exclusive, and somebody was faster.
	ErrExists = errors.New("the object exists already")
	// ErrStale: the object that was opened is no longer the current one.
	ErrStale = errors.New("the object was replaced by another writer")
	// ErrTooBig: a write or truncate past the largest possible object.
	ErrTooBig = errors.New("past the largest object that S3 can hold")
	// ErrHole: a write or truncate too far beyond the end, see Options.MaxHole.
	ErrHole = errors.New("too far beyond the end of the file")
	// ErrAtomic: what was asked needs the file to be published before it is
	// closed, and Options.Atomic forbids that.
	ErrAtomic = errors.New("needs the file published before close, which atomic mode forbids")
	// ErrUnlinked: what was asked needs the file published, but its name is
	// gone.
	ErrUnlinked = errors.New("needs the file published, but it was removed")
	// ErrClosed: the file or the engine was closed.
	ErrClosed = errors.New("already closed")
	// ErrStarted: too late, S3 knows of the file already.
	ErrStarted = errors.New("the upload has begun or the object exists")
	// ErrDiscarded: the file's unpublished bytes were dropped on request.
	ErrDiscarded = errors.New("the unpublished bytes were dropped")
)

// StoreError is a final failure of one S3 operation.
type StoreError struct {
	Op        string // the operation in lower case words, such as "upload part 7"
	Key       string
	Code      string // S3's error code, empty where no answer arrived
	Status    int    // HTTP status, 0 where no answer arrived
	RequestID string
	Class     error // one of the classes above
	Err       error // the cause
}

// Error names the operation, S3's code and the cause; the key is left to the
// caller, who knows the path.
func (e *StoreError) Error() string {
	what := e.Code
	if what == "" {
		what = e.Class.Error()
	}
	if e.Err == nil {
		return fmt.Sprintf("%s: %s", e.Op, what)
	}
	return fmt.Sprintf("%s: %s: %v", e.Op, what, e.Err)
}

// Unwrap gives the class and the cause.
func (e *StoreError) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Class}
	}
	return []error{e.Class, e.Err}
}
