package fs

import (
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// slowSettler takes a second to store its attributes.
type slowSettler struct{ now, most *int }

func (s *slowSettler) storeAttributes() error {
	*s.now++
	*s.most = max(*s.most, *s.now)
	time.Sleep(time.Second)
	*s.now--
	return nil
}

// TestAttributesAreStoredInTurn: after chmod -R of many files as many copies are
// made at once as there may be requests, and all that are not done are pending.
func TestAttributesAreStoredInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tree := &Tree{
			o: Options{Log: slog.New(slog.DiscardHandler), QuietTime: time.Second}, turns: make(chan struct{}, 1),
			settling: map[settler]*time.Timer{}, storing: map[settler]struct{}{},
		}
		var now, most int
		for range 20 {
			s := &slowSettler{&now, &most}
			tree.settling[s] = time.NewTimer(time.Hour)
		}
		var storing sync.WaitGroup
		storing.Go(func() {
			if err := tree.storeAllAttributes(); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(4500 * time.Millisecond)
		if n := tree.Pending(); n != 16 {
			t.Errorf("%d are pending, want 16", n)
		}
		storing.Wait()
		if n := tree.Pending(); n != 0 || most != 1 {
			t.Errorf("%d are pending, and %d were stored at once", n, most)
		}
	})
}

// TestAPanicAtTheEndIsAFailure: where the program finds itself wrong while it
// completes the files, nobody may be told that they are durable.
func TestAPanicAtTheEndIsAFailure(t *testing.T) {
	tree := &Tree{
		o: Options{Log: slog.New(slog.DiscardHandler)}, turns: make(chan struct{}, 1),
		open: map[string]map[string]*file{"": {"f": nil}},
	}
	if failed := tree.Finalise(t.Context()); len(failed) == 0 {
		t.Error("no failure is told")
	}
}
