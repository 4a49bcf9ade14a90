package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/s3mpfs/s3mpfs/internal/faultproxy"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// terminal is what a program on a pseudo-terminal has shown so far.
type terminal struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd
	ended  chan error

	mu    sync.Mutex // guards shown
	shown strings.Builder
}

// onTerminal starts a command on a terminal of that size.
func onTerminal(t *testing.T, cmd *exec.Cmd, rows, columns uint16) *terminal {
	t.Helper()
	master, slave := openTerminal(t, rows, columns)
	defer slave.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, master: master, cmd: cmd, ended: make(chan error, 1)}
	go x.read()
	t.Cleanup(func() {
		cmd.Process.Kill()
		master.Close()
	})
	return x
}

func openTerminal(t *testing.T, rows, columns uint16) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(master.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns})
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// read takes what is shown until the program is gone (EIO).
func (x *terminal) read() {
	p := make([]byte, 4096)
	for {
		n, err := x.master.Read(p)
		x.mu.Lock()
		x.shown.Write(p[:n])
		x.mu.Unlock()
		if err != nil {
			x.ended <- x.cmd.Wait()
			return
		}
	}
}

func (x *terminal) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.shown.String()
}

// await waits until something has been shown.
func (x *terminal) await(text string) {
	x.t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(x.text(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			x.t.Fatalf("%q is never shown, but %q", text, x.text())
		}
	}
}

func (x *terminal) press(keys string) {
	x.t.Helper()
	if _, err := io.WriteString(x.master, keys); err != nil {
		x.t.Fatal(err)
	}
}

// end waits for the program and gives its exit code.
func (x *terminal) end() int {
	x.t.Helper()
	select {
	case err := <-x.ended:
		return exitCode(x.t, err)
	case <-time.After(patience):
		x.t.Fatalf("the program does not end; it has shown %q", x.text())
		return -1
	}
}

const interrupt = "\x03" // Ctrl-C

// TestUmountOnATerminal: one line says what is left, and is gone in the end.
func TestUmountOnATerminal(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	proxy := b.behindProxy()
	m := b.mount()
	proxy.Set(faultproxy.Rule{Operation: s3op.PutObject, Times: faultproxy.Always, Action: faultproxy.Hold})
	f := m.create("f")
	m.write(f, random(1, 3*mib))
	x := onTerminal(t, m.command("umount", m.dir), 24, 80)
	x.await("1 file to complete, 3.0 MiB to send")
	proxy.Set()
	proxy.Release()
	if code := x.end(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	f.Close()
	shown := x.text()
	head, rest, _ := strings.Cut(shown, "Everything")
	if strings.ContainsAny(head, "\n") || !strings.HasSuffix(head, "\r\x1b[K") || strings.Count(rest, "\n") != 1 {
		t.Errorf("shown: %q", shown)
	}
	m.wantObject("f", random(1, 3*mib))
}

// TestStatusWatchOnATerminal: a page takes the place of the one before, and more
// files than the terminal has lines do not make it scroll. Ctrl-C is the end, and
// so is the mount's.
func TestStatusWatchOnATerminal(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t))
	for i := range 30 {
		f := m.create(name(i))
		defer f.Close()
		m.write(f, []byte("x"))
	}
	x := onTerminal(t, m.command("status", "--watch", m.dir), 10, 60)
	x.await("more lines")
	x.await("\x1b[J\x1b[H") // the second page
	x.press(interrupt)
	if code := x.end(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	pages := strings.Split(x.text(), "\x1b[H")[1:]
	for i, page := range pages[:len(pages)-1] {
		if lines := strings.Count(page, "\n"); lines != 9 {
			t.Errorf("page %d has %d lines: %q", i, lines, page)
		}
	}
	x = onTerminal(t, m.command("status", "--watch", m.dir), 10, 60)
	x.await("more lines")
	m.signal(syscall.SIGKILL)
	if code := x.end(); code != exitMountpoint || !strings.Contains(x.text(), "is stale") {
		t.Errorf("exit code %d: %q", code, x.text())
	}
	if code, output := m.umount(); code != exitNotDurable {
		t.Errorf("umount: exit code %d: %s", code, output)
	}
}
