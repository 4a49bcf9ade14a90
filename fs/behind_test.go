package fs_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/s3mpfs/s3mpfs/fs"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
	"github.com/s3mpfs/s3mpfs/writer"
)

func TestWriteBehindDoesNotWaitForS3(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{WriteBehind: true}})
	m.call("Hold", s3op.PutObject, &None{})
	m.sh("for i in $(seq 20); do echo $i > file$i; done; dd if=file20 of=both status=none")
	if keys := m.keys(); len(keys) != 0 {
		t.Errorf("S3 has %v although it has not answered yet", keys)
	}
	if got := m.sh("dd if=both status=none"); got != "20\n" {
		t.Errorf("before it is published the file reads %q", got)
	}
	m.call("Let", None{}, &None{})
	m.sh("sync file7; mv file1 renamed")
	m.expect("file7", "7\n")
	var failed []string
	m.call("Finalise", None{}, &failed)
	for i := 2; i <= 20; i++ {
		m.expect(fmt.Sprint("file", i), fmt.Sprintln(i))
	}
	m.expect("renamed", "1\n")
	m.expect("both", "20\n")
	if keys := m.keys(); len(failed) != 0 || slices.Contains(keys, "file1") {
		t.Errorf("failed: %v, keys: %v", failed, keys)
	}
}

func TestWriteBehindTellsTheNextOpen(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{WriteBehind: true}})
	m.sh("echo old > f; sync f")
	m.call("Fail", s3op.PutObject, &None{})
	m.sh("echo new > f")
	m.eventually("the word in the log", func() bool { return strings.Contains(m.log(), "close failed") })
	if _, err := os.ReadFile(m.path("f")); !errors.Is(err, syscall.EACCES) {
		t.Errorf("the next open: %v, want that of the request, EACCES", err)
	}
	if got := m.sh("cat f"); got != "old\n" {
		t.Errorf("the open after reads %q", got)
	}
	var failed []string
	m.call("Finalise", None{}, &failed)
	if !slices.Equal(failed, []string{"/f"}) {
		t.Errorf("failed: %v", failed)
	}
}

// TestWriteBehindRenamesWhatHasNotBegunForNothing: the only slot is taken, so the
// upload of b has not begun when it is renamed.
func TestWriteBehindRenamesWhatHasNotBegunForNothing(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{WriteBehind: true}, Engine: writer.Options{Concurrency: 1}})
	m.call("Hold", s3op.PutObject, &None{})
	m.sh("echo first > a; echo second > b")
	n := m.requests(func() {
		renamed := make(chan struct{})
		go func() { m.sh("mv b c"); close(renamed) }()
		select {
		case <-renamed:
		case <-time.After(5 * time.Second):
			t.Error("mv waits for S3")
		}
		m.call("Let", None{}, &None{})
		<-renamed
		m.sh("sync a; sync c")
	})
	m.expect("c", "second\n")
	if n[s3op.CopyObject] != 0 || n[s3op.PutObject] > 2 || slices.Contains(m.keys(), "b") {
		t.Errorf("a rename before the upload cost %v; keys %v", n, m.keys())
	}
}
