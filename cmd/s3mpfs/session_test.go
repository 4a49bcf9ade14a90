package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/s3mpfs/s3mpfs/fs"
	"github.com/s3mpfs/s3mpfs/internal/control"
	"github.com/s3mpfs/s3mpfs/writer"
)

// fakeTree is a mounted tree whose end the test decides.
type fakeTree struct {
	released  chan struct{}   // closed: the kernel has let go
	finalise  chan struct{}   // closed: S3 has answered
	finalised chan struct{}   // closed when Finalise is called
	failures  []fs.Failure    // what Finalise reports, the first time
	panics    map[string]bool // methods in which the program finds itself wrong
	called    sync.Once
}

func (f *fakeTree) Wait() { <-f.released }

func (f *fakeTree) Renames() []fs.Rename {
	return []fs.Rename{{From: "/a", To: "/b", Objects: 3, Copied: 2, Deleted: 1}}
}

func (f *fakeTree) stumble(method string) {
	if f.panics[method] {
		panic("injected into " + method)
	}
}

func (f *fakeTree) Told() int {
	f.stumble("Told")
	return 4
}

func (f *fakeTree) Pending() int { return 5 }

func (f *fakeTree) Failed() int { return 5 }

func (f *fakeTree) Failures() []fs.Failure {
	return []fs.Failure{{Path: "/lost", Err: errors.New("denied")}}
}

func (f *fakeTree) Finalise(context.Context) (failed []fs.Failure) {
	f.called.Do(func() {
		close(f.finalised)
		failed = f.failures
	})
	<-f.finalise
	f.stumble("Finalise")
	return failed
}

func (f *fakeTree) Concurrency() int { return 8 }

func (f *fakeTree) Files() []writer.Status {
	return []writer.Status{
		{Key: "raw/a", Size: 100, BytesSent: 60, BytesLeft: 40, State: "dirty", UploadID: "u1"},
		{Key: "raw/b", Size: 5, BytesSent: 5, State: "clean"},
		{Key: "raw/c", Size: 7, State: "failed", Err: errors.New("denied")},
	}
}

type sessionTest struct {
	*session
	tree     *fakeTree
	log      *bytes.Buffer // read after run has returned
	unlisted int
	signals  chan os.Signal
	result   chan error
}

func startSession(t *testing.T, failures ...fs.Failure) *sessionTest {
	t.Helper()
	tree := &fakeTree{make(chan struct{}), make(chan struct{}), make(chan struct{}), failures, nil, sync.Once{}}
	test := &sessionTest{tree: tree, log: &bytes.Buffer{}, signals: make(chan os.Signal, 2), result: make(chan error, 1)}
	test.session = &session{
		settings: &settings{bucket: "films", prefix: "raw/", mountpoint: t.TempDir()},
		tree:     tree, wait: tree.Wait, contents: tree,
		memory:   func() (int64, int64) { return 1, 2 },
		requests: func() control.S3 { return control.S3{Requests: 9} },
		history:  newHistory(),
		log:      slog.New(slog.NewTextHandler(test.log, nil)),
		since:    time.Now(),
		unlist:   func() error { test.unlisted++; return nil },
		release:  func() error { return nil },
		ended:    make(chan struct{}),
	}
	go func() { test.result <- test.run(test.signals) }()
	return test
}

func TestSignalCompletesAndEnds(t *testing.T) {
	test := startSession(t)
	test.signals <- unix.SIGTERM
	close(test.tree.finalise)
	if err := <-test.result; err != nil {
		t.Error(err)
	}
	if test.unlisted != 1 {
		t.Errorf("the socket was unlisted %d times", test.unlisted)
	}
	close(test.tree.released)
}

func TestFailedFilesAreTheLastLogLines(t *testing.T) {
	test := startSession(t, fs.Failure{Path: "b", Err: errors.New("no room")}, fs.Failure{Path: "a", Err: errors.New("denied")})
	test.signals <- unix.SIGTERM
	close(test.tree.finalise)
	if err := <-test.result; exitCode(err) != exitNotDurable || !strings.Contains(err.Error(), "2 files are") {
		t.Errorf("got %v with code %d", err, exitCode(err))
	}
	lines := strings.Split(strings.TrimSpace(test.log.String()), "\n")
	if n := len(lines); n < 2 || !strings.Contains(lines[n-2], "path=a error=denied") || !strings.Contains(lines[n-1], `path=b error="no room"`) {
		t.Errorf("the log ends with %q", lines)
	}
	close(test.tree.released)
}

func TestSecondSignalAbandons(t *testing.T) {
	test := startSession(t)
	test.signals <- unix.SIGINT
	<-test.tree.finalised
	test.signals <- unix.SIGINT
	if err := <-test.result; exitCode(err) != exitNotDurable || !strings.Contains(err.Error(), "1 file") {
		t.Errorf("got %v with code %d", err, exitCode(err))
	}
	if log := test.log.String(); !strings.Contains(log, "path=/a size=100 upload_id=u1") || strings.Contains(log, "path=b") {
		t.Errorf("the log is %q", log)
	}
	close(test.tree.finalise)
	<-test.ended
	close(test.tree.released)
}

// TestAPanicAtTheEnd: the mount ends all the same, and says that nobody can tell
// what is durable.
func TestAPanicAtTheEnd(t *testing.T) {
	for _, method := range []string{"Finalise", "Told"} {
		test := startSession(t)
		test.tree.panics = map[string]bool{method: true}
		close(test.tree.finalise)
		test.signals <- unix.SIGTERM
		if err := <-test.result; method == "Finalise" && exitCode(err) != exitNotDurable {
			t.Errorf("%s: got %v with code %d", method, err, exitCode(err))
		}
		if failed := test.Outcome().Failed; method == "Finalise" && (len(failed) != 1 || !strings.Contains(failed[0].Error, "injected")) {
			t.Errorf("%s: failed: %v", method, failed)
		}
		if log := test.log.String(); !strings.Contains(log, "injected into "+method) || !strings.Contains(log, "goroutine ") {
			t.Errorf("%s: the log has no stack:\n%s", method, log)
		}
		close(test.tree.released)
	}
}

// TestAPanicInTheHistory costs the history, not the mount.
func TestAPanicInTheHistory(t *testing.T) {
	test := startSession(t)
	synctest.Test(t, func(t *testing.T) {
		test.follow(func() []writer.Status { panic("injected") }, make(chan struct{}))
	})
	test.signals <- unix.SIGTERM
	close(test.tree.finalise)
	if err := <-test.result; err != nil {
		t.Error(err)
	}
	close(test.tree.released)
}

func TestPlainUmountCompletesToo(t *testing.T) {
	test := startSession(t)
	close(test.tree.released)
	<-test.tree.finalised
	test.signals <- unix.SIGTERM // a first signal only says the same again
	close(test.tree.finalise)
	if err := <-test.result; err != nil {
		t.Error(err)
	}
}

func TestUmountThroughTheSocketEndsTheProcess(t *testing.T) {
	test := startSession(t, fs.Failure{Path: "a", Err: errors.New("denied")})
	close(test.tree.finalise)
	<-test.End()
	want := control.Failure{Path: "a", Error: "denied"}
	if got := test.Outcome().Failed; len(got) != 1 || got[0] != want {
		t.Errorf("failed: %v", got)
	}
	if err := <-test.result; exitCode(err) != exitNotDurable {
		t.Errorf("got %v", err)
	}
	close(test.tree.released)
}

func TestStatusShowsPathsUnderThePrefix(t *testing.T) {
	test := startSession(t)
	s := test.Status()
	if len(s.Files) != 3 || s.Files[0].Path != "a" || !s.Files[0].Dirty || s.Files[1].Dirty || s.Files[2].Error != "denied" {
		t.Errorf("got %+v", s.Files)
	}
	if s.Concurrency != 8 || s.S3.Requests != 9 || s.FilesFailed != 5 || len(s.Failures) != 1 || s.Ending {
		t.Errorf("got %+v", s)
	}
	if left := s.Left(); left != (control.Progress{FilesLeft: 1, BytesLeft: 40, ObjectsLeft: 2, AttributesLeft: 5}) {
		t.Errorf("left: %+v", left)
	}
	close(test.tree.released)
	close(test.tree.finalise)
	if err := <-test.result; err != nil {
		t.Error(err)
	}
}

func TestReportOutcome(t *testing.T) {
	for name, c := range map[string]struct {
		outcome control.Outcome
		code    int
		text    string
	}{
		"durable":       {control.Outcome{}, exitOK, "Everything is durable"},
		"busy":          {control.Outcome{Busy: true}, exitOK, "still had it open"},
		"failed":        {control.Outcome{Failed: []control.Failure{{Path: "a/b", Error: "denied"}}}, exitNotDurable, "a/b: denied"},
		"still mounted": {control.Outcome{UnmountError: "not permitted"}, exitMountpoint, "not permitted"},
	} {
		var out bytes.Buffer
		err := reportOutcome(&out, "/mnt", c.outcome)
		if err != nil {
			out.WriteString(err.Error())
		}
		if exitCode(err) != c.code || !strings.Contains(out.String(), c.text) {
			t.Errorf("%s: code %d, %q", name, exitCode(err), out.String())
		}
	}
}

func TestUmountOfWhatIsNotOurs(t *testing.T) {
	for path, text := range map[string]string{
		"/proc":              "type proc",
		t.TempDir():          "nothing is mounted",
		"/no/such/folder/at": "no such file",
	} {
		err := umount(t.Context(), io.Discard, path)
		if exitCode(err) != exitMountpoint || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v with code %d", path, err, exitCode(err))
		}
	}
}
