package main

import (
	"testing"
	"time"
)

// waitFor polls until another process has made done true.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Error("it did not happen within 20 s")
}
