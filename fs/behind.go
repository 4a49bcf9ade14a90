package fs

import (
	"syscall"

	"github.com/s3mpfs/s3mpfs/internal/panics"
)

// With Options.WriteBehind close(2) does not wait for S3: RELEASE, for which no
// program waits, begins to publish, and as many files are published at the same
// time as there may be requests. Those whose turn has not come are free, so that
// a rename of one costs nothing. fsync(2) and the end of the mount wait. A failure is logged, stands in the account that Finalise gives,
// and is told to the next program that opens the name.

// endBehind ends the handle's use of the file while its program goes on.
func (h *handle) endBehind(told bool) {
	t := h.file.tree
	t.behind.RLock()
	go func() {
		defer t.behind.RUnlock()
		t.turns <- struct{}{}
		defer func() { <-t.turns }()
		if err := h.endSoundly(told); err != nil && !told {
			t.owe(h.file.currentKey(), err)
		}
	}()
}

func (h *handle) endSoundly(told bool) (err error) {
	defer panics.Catch(h.file.tree.o.Log, &err)
	return h.end(told)
}

// owe remembers a failure to be told at the next open of a key.
func (t *Tree) owe(key string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.owed[key] = err
}

// tell gives the errno of a failure that is owed to whoever opens a key, once.
func (t *Tree) tell(key string) syscall.Errno {
	t.mu.Lock()
	err := t.owed[key]
	delete(t.owed, key)
	t.mu.Unlock()
	if err == nil {
		return 0
	}
	return errnoOf(err)
}

// Failures are the files so far that could not be made durable without a
// program being told. Finalise gives them too, and forgets them.
func (t *Tree) Failures() []Failure {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return append([]Failure(nil), t.failed...)
}
