package fs

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"syscall"
	"testing"

	"github.com/s3mpfs/s3mpfs/writer"
)

// errorClasses lists the names of the classes that package writer declares.
func errorClasses(t *testing.T) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../writer/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Err") {
			names = append(names, spec.Names[0].Name)
		}
		return true
	})
	return names
}

func TestEveryClassOfErrorHasAnErrno(t *testing.T) {
	want := map[string]struct {
		class error
		errno syscall.Errno
	}{
		"ErrNotFound":     {writer.ErrNotFound, syscall.ENOENT},
		"ErrNoSuchBucket": {writer.ErrNoSuchBucket, syscall.EIO},
		"ErrNoSuchUpload": {writer.ErrNoSuchUpload, syscall.EIO},
		"ErrPrecondition": {writer.ErrPrecondition, syscall.ESTALE},
		"ErrConflict":     {writer.ErrConflict, syscall.EBUSY},
		"ErrAccess":       {writer.ErrAccess, syscall.EACCES},
		"ErrCredentials":  {writer.ErrCredentials, syscall.EACCES},
		"ErrLocked":       {writer.ErrLocked, syscall.EPERM},
		"ErrArchived":     {writer.ErrArchived, syscall.EACCES},
		"ErrQuota":        {writer.ErrQuota, syscall.ENOSPC},
		"ErrTooLarge":     {writer.ErrTooLarge, syscall.EFBIG},
		"ErrChecksum":     {writer.ErrChecksum, syscall.EIO},
		"ErrUnavailable":  {writer.ErrUnavailable, syscall.EIO},
		"ErrInvalid":      {writer.ErrInvalid, syscall.EIO},
		"ErrUnsupported":  {writer.ErrUnsupported, syscall.EIO},
		"ErrExists":       {writer.ErrExists, syscall.EEXIST},
		"ErrStale":        {writer.ErrStale, syscall.ESTALE},
		"ErrTooBig":       {writer.ErrTooBig, syscall.EFBIG},
		"ErrHole":         {writer.ErrHole, syscall.EFBIG},
		"ErrAtomic":       {writer.ErrAtomic, syscall.EPERM},
		"ErrUnlinked":     {writer.ErrUnlinked, syscall.ESTALE},
		"ErrStarted":      {writer.ErrStarted, syscall.EBUSY},
		"ErrClosed":       {writer.ErrClosed, syscall.EIO},
		"ErrDiscarded":    {writer.ErrDiscarded, syscall.ESTALE},
	}
	names := errorClasses(t)
	const own = 1 // errNotEmpty, which is this package's
	if len(names) != len(want) || len(errnos) != len(want)+own {
		t.Errorf("%d classes, %d in the table, %d in the test", len(names), len(errnos), len(want))
	}
	for _, name := range names {
		w, ok := want[name]
		if !ok {
			t.Errorf("%s has no errno", name)
			continue
		}
		if got := errnoOf(fmt.Errorf("upload part 7: %w", w.class)); got != w.errno {
			t.Errorf("%s is %v, want %v", name, got, w.errno)
		}
		answer := &writer.StoreError{Class: w.class, Err: syscall.ENOSYS}
		if got := errnoOf(answer); got != w.errno {
			t.Errorf("%s as an answer of S3 is %v, want %v", name, got, w.errno)
		}
	}
}

// ENOSYS and ENOTSUP would silence FLUSH and FSYNC for the whole mount.
func TestNoErrorSilencesAnOperation(t *testing.T) {
	for _, err := range []error{syscall.ENOSYS, syscall.ENOTSUP, errors.ErrUnsupported, errors.New("anything")} {
		if got := errnoOf(err); got != syscall.EIO {
			t.Errorf("%v is %v", err, got)
		}
	}
	for _, e := range errnos {
		if e.errno == syscall.ENOSYS || e.errno == syscall.ENOTSUP {
			t.Errorf("%v is %v", e.class, e.errno)
		}
	}
	if errnoOf(nil) != 0 {
		t.Error("success has an errno")
	}
}
