package fs

import (
	"syscall"

	"github.com/s3mpfs/s3mpfs/internal/panics"
)

// With Options.WriteBehind close(2) does not wait for S3: RELEASE, for which no
// program waits, begins to publish, and as many files are published at the same
// time as there may be requests. Those whose turn has not come are free, so that
// a rename of one costs nothing. fsync(2) and the end of the mount wait. A
// failure is logged, stands in the account that Finalise gives, and is told to
// the next program that opens the name, or looks for it where it is not there.

// endBehind ends the handle's use of the file while its program goes on.
func (h *handle) endBehind(told bool) {
	h.file.tree.behind.RLock()
	go func() {
		if h.endInTurn(told) {
			h.file.dropEntry()
		}
	}()
}

// endInTurn ends the use of the file when its turn has come, and tells whether a
// failure is owed to the next program that opens the name.
func (h *handle) endInTurn(told bool) (owed bool) {
	t := h.file.tree
	defer t.behind.RUnlock()
	t.turns <- struct{}{}
	defer func() { <-t.turns }()
	err := h.endSoundly(told)
	if owed = err != nil && !told; owed {
		t.owe(h.file.currentKey(), err)
	}
	return owed
}

// dropEntry makes the kernel forget the name. Else, where it must ask anew
// whether the name stands, it asks twice, and takes the first answer for no more
// than a no. It waits for whoever changes the directory, so nothing is held.
func (f *file) dropEntry() {
	if name, parent := f.Parent(); parent != nil {
		_ = parent.NotifyEntry(name) // it may have forgotten it already
	}
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
