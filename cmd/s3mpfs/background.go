package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// readyVariable names the descriptor on which a process in the background
// tells the one that started it that the mount answers. It tells by one byte;
// a process that cannot mount prints its error to the inherited stderr, and its
// exit code becomes the starter's.
const readyVariable = "S3MPFS_READY_FD"

// errPrinted: the error was shown already, by the process in the background.
var errPrinted = errors.New("see the message above")

// startBackground starts child in a session of its own and returns when it is
// ready. If ctx ends before, child is asked to end.
func startBackground(ctx context.Context, child *exec.Cmd) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	child.ExtraFiles = []*os.File{w} // becomes descriptor 3
	child.Env = append(child.Environ(), readyVariable+"=3")
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	child.Stderr = os.Stderr
	err = child.Start()
	w.Close()
	if err != nil {
		return fmt.Errorf("go to the background: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { child.Process.Signal(syscall.SIGTERM) })
	defer stop()
	if _, err := io.ReadFull(r, make([]byte, 1)); err != nil {
		return backgroundFailure(ctx, child.Wait())
	}
	return child.Process.Release()
}

// backgroundFailure explains the end of a child that never became ready.
func backgroundFailure(ctx context.Context, waited error) error {
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted before the mount was ready")
	case errors.As(waited, &exit) && exit.Exited():
		return withCode(exit.ExitCode(), errPrinted)
	case waited != nil:
		return fmt.Errorf("the process in the background died before the mount was ready: %w", waited)
	}
	return errors.New("the process in the background ended before the mount was ready")
}

// readyPipe is the end on which this process, which is in the background,
// tells that it is ready.
type readyPipe struct{ pipe *os.File }

// inheritedReadyPipe gives this process's pipe, nil where it is not in the
// background.
func inheritedReadyPipe() *readyPipe {
	fd, err := strconv.Atoi(os.Getenv(readyVariable))
	if err != nil {
		return nil
	}
	os.Unsetenv(readyVariable)
	unix.CloseOnExec(fd) // not for fusermount3 or a credential process
	return &readyPipe{os.NewFile(uintptr(fd), "ready")}
}

// ready tells the starter that the mount answers, and lets go of the terminal:
// what is printed from now on, such as a crash, goes to stderr.
func (p *readyPipe) ready(stderr *os.File) error {
	defer p.pipe.Close()
	if err := unix.Dup2(int(stderr.Fd()), 2); err != nil {
		return fmt.Errorf("let go of the terminal: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if _, err := p.pipe.Write([]byte{1}); err != nil {
		return fmt.Errorf("nobody waits for the mount any more: %w", err)
	}
	return nil
}
