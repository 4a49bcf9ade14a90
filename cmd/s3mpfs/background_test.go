package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// childVariable makes the test binary play the process in the background; its
// value is the part that it plays.
const childVariable = "S3MPFS_TEST_CHILD"

func TestMain(m *testing.M) {
	if part := os.Getenv(childVariable); part != "" {
		os.Exit(exitCode(children[part](inheritedReadyPipe())))
	}
	os.Exit(m.Run())
}

// children are the parts; each stands for serve.
var children = map[string]func(*readyPipe) error{
	"fails": func(*readyPipe) error {
		fmt.Fprintln(os.Stderr, "s3mpfs: there is no such bucket")
		return withCode(exitBucket, errors.New("no such bucket"))
	},
	"crashes": func(*readyPipe) error { return unix.Kill(os.Getpid(), unix.SIGKILL) },
	"leaves":  func(*readyPipe) error { return nil },
	"hangs": func(*readyPipe) error {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, unix.SIGTERM)
		fmt.Fprintln(os.Stderr, "hanging")
		<-signals
		return errors.New("terminated")
	},
	"serves": func(p *readyPipe) error {
		session, _ := unix.Getsid(0)
		f, err := os.OpenFile(os.Getenv("S3MPFS_TEST_FILE"), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		if err := p.ready(f); err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, session == os.Getpid(), os.Getenv(readyVariable) == "")
		return nil
	},
}

// start plays part in the background; stderr is what a user would see of it.
func start(t *testing.T, ctx context.Context, part string, stderr *os.File, env ...string) error {
	t.Helper()
	child := exec.Command("/proc/self/exe")
	child.Env = append(os.Environ(), append(env, childVariable+"="+part)...)
	terminal := os.Stderr
	os.Stderr = stderr
	defer func() { os.Stderr = terminal }()
	return startBackground(ctx, child)
}

func tempFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestBackgroundFailureKeepsMessageAndCode(t *testing.T) {
	stderr := tempFile(t)
	err := start(t, t.Context(), "fails", stderr)
	if exitCode(err) != exitBucket || !errors.Is(err, errPrinted) {
		t.Errorf("got %v with code %d", err, exitCode(err))
	}
	if text, err := os.ReadFile(stderr.Name()); err != nil || !strings.Contains(string(text), "no such bucket") {
		t.Errorf("the user sees %q, %v", text, err)
	}
}

func TestBackgroundCrashIsNamed(t *testing.T) {
	err := start(t, t.Context(), "crashes", tempFile(t))
	if err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("got %v", err)
	}
}

func TestBackgroundThatLeavesIsNoSuccess(t *testing.T) {
	if err := start(t, t.Context(), "leaves", tempFile(t)); err == nil {
		t.Error("taken for ready")
	}
}

func TestBackgroundIsStoppedWithTheStarter(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		// The child lives once it says so; only then is it interrupted.
		_, _ = io.ReadFull(r, make([]byte, len("hanging\n")))
		cancel()
	}()
	if err := start(t, ctx, "hangs", w); err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("got %v", err)
	}
}

func TestBackgroundReady(t *testing.T) {
	// A pipe in the place of the terminal: it ends when the child lets go.
	terminal, childsEnd, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	crashes := tempFile(t)
	if err := start(t, t.Context(), "serves", childsEnd, "S3MPFS_TEST_FILE="+crashes.Name()); err != nil {
		t.Fatal(err)
	}
	childsEnd.Close()
	if shown, err := io.ReadAll(terminal); err != nil || len(shown) > 0 {
		t.Errorf("the terminal shows %q, %v", shown, err)
	}
	waitFor(t, func() bool {
		text, err := os.ReadFile(crashes.Name())
		return err == nil && string(text) == "true true\n"
	})
}
