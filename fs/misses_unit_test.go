package fs

import (
	"testing"
	"time"
)

// TestAMissFromBeforeIsNotBelieved: S3 may have been asked before this mount made
// the name.
func TestAMissFromBeforeIsNotBelieved(t *testing.T) {
	var m misses
	begun := m.begin()
	m.forget("d/", "x")
	if m.note("d/", "x", begun); m.absent("d/", "x", time.Hour) {
		t.Error("a name that was made meanwhile is believed to be missing")
	}
	if m.note("d/", "x", m.begin()); !m.absent("d/", "x", time.Hour) || m.absent("d/", "y", time.Hour) || m.absent("d/", "x", 0) {
		t.Error("a name that is missing is not believed to be, or another is, or without time")
	}
	m.note("", "d", m.begin())
	if m.forget("d/e/", "x"); m.absent("", "d", time.Hour) {
		t.Error("a directory in which a name was made is believed to be missing")
	}
	m.forgetIn(func(dirKey string) bool { return dirKey == "d/" })
	if m.absent("d/", "x", time.Hour) {
		t.Error("a name of a directory that was renamed is believed to be missing")
	}
}
