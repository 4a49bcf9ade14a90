package s3server

import (
	"bytes"
	"errors"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// process is a child process that dies with this one.
type process struct {
	cmd   *exec.Cmd
	log   logBuffer
	ended chan struct{} // closed when it has ended and was waited for
}

// start runs cmd. The kernel sends the death signal when the thread that
// started the child ends, so that one is kept until the child has ended.
func start(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it is killed, which is no news
			close(p.ended)
		}
	}()
	return p, <-started
}

// stop ends the process and the children it may have, and waits.
func (p *process) stop() error {
	select {
	case <-p.ended:
		return nil // its number may be another process's by now
	default:
	}
	err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		err = nil
	}
	<-p.ended
	return err
}

// output is what the process printed so far.
func (p *process) output() string { return p.log.String() }

// logBuffer keeps the beginning of what is written to it.
type logBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

// maxLog is enough for what a server says at its start, in bytes.
const maxLog = 64 << 10

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Write(p[:min(len(p), maxLog-l.buf.Len())])
	return len(p), nil
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
