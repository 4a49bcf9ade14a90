package fs

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/panics"
)

// TestPanicBesideARename: a fault in one of the goroutines that publish what a
// folder's files have fails the rename, not the mount.
func TestPanicBesideARename(t *testing.T) {
	tree := &Tree{o: Options{Log: slog.New(slog.DiscardHandler)}}
	var fault *panics.Error
	if err := tree.settleAll([]*file{nil}); !errors.As(err, &fault) {
		t.Errorf("got %v, want a panic's error", err)
	}
}
