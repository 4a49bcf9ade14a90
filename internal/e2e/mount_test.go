package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything is waited for that a test waits for.
const patience = time.Minute

// The program's exit codes that tests look at.
const (
	exitUsage      = 2
	exitMountpoint = 3
	exitBucket     = 4
	exitNotDurable = 5
)

// mount is a mounted bucket.
type mount struct {
	*bucket
	dir     string // the mount point
	logFile string
	cmd     *exec.Cmd
	exited  chan struct{} // closed when the process is gone; cmd.ProcessState is set then

	// wantUploads is how many uploads are left behind, with a word in the log.
	wantUploads int
}

// mountBucket mounts a new bucket of s.
func mountBucket(t *testing.T, s *store, flags ...string) *mount {
	t.Helper()
	return newBucket(t, s).mount(flags...)
}

// mount mounts the bucket and undoes that at the test's end.
func (b *bucket) mount(flags ...string) *mount {
	b.t.Helper()
	m := b.startMount(flags...)
	m.awaitMounted()
	return m
}

// again mounts at the same mount point after the process of m has died.
func (m *mount) again(flags ...string) *mount {
	m.t.Helper()
	next := m.startMountAt(m.dir, m.logFile+"+", flags...)
	next.awaitMounted()
	return next
}

func (m *mount) awaitMounted() {
	m.t.Helper()
	deadline := time.Now().Add(patience)
	for !strings.Contains(m.log(), "msg=mounted") {
		select {
		case <-m.exited:
			m.t.Fatalf("s3mpfs mount ended: %v\n%s", m.cmd.ProcessState, m.log())
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			m.t.Fatal("s3mpfs does not mount")
		}
	}
}

// startMount starts s3mpfs in the foreground and does not wait for the mount.
func (b *bucket) startMount(flags ...string) *mount {
	b.t.Helper()
	dir := b.t.TempDir()
	point := filepath.Join(dir, "mnt")
	if err := os.Mkdir(point, 0o755); err != nil {
		b.t.Fatal(err)
	}
	return b.startMountAt(point, filepath.Join(dir, "log"), flags...)
}

// startMountAt is startMount at a mount point that is there.
func (b *bucket) startMountAt(dir, logFile string, flags ...string) *mount {
	b.t.Helper()
	m := &mount{bucket: b, dir: dir, logFile: logFile, exited: make(chan struct{})}
	mountPoints.Store(m.dir, true)
	log, err := os.Create(m.logFile)
	if err != nil {
		b.t.Fatal(err)
	}
	defer log.Close()
	m.cmd = b.command(append([]string{"mount", "-f"}, b.mountArgs(m.dir, flags...)...)...)
	m.cmd.Stdout, m.cmd.Stderr = log, log
	if err := m.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	go func() {
		// What it returns is in ProcessState too.
		_ = m.cmd.Wait()
		close(m.exited)
	}()
	b.t.Cleanup(m.end)
	return m
}

// command is a command line of the program in a clean environment.
func (b *bucket) command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	env := b.env
	if env == nil {
		env = b.store.Env()
	}
	cmd.Env = append(slices.Clone(env), "PATH="+os.Getenv("PATH"), "HOME="+b.t.TempDir(), "XDG_RUNTIME_DIR="+runtimeDir)
	// A mount of a test that is killed ends too.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	return cmd
}

func (b *bucket) mountArgs(dir string, flags ...string) []string {
	return append([]string{"--endpoint-url", b.endpoint, "--log-level", "debug"}, append(flags, b.target(), dir)...)
}

// end undoes the mount and checks that nothing is left.
func (m *mount) end() {
	m.t.Helper()
	defer func() {
		if m.t.Failed() {
			m.t.Logf("log of the mount:\n%s", m.log())
		}
	}()
	if mounted(m.dir) {
		if code, output := m.umount(); code != 0 {
			m.t.Errorf("s3mpfs umount: exit code %d\n%s", code, output)
		}
	}
	m.wait()
	if mounted(m.dir) {
		m.t.Error("still mounted")
		m.kill()
	}
	m.checkUploads()
	if log := m.log(); strings.Contains(log, "DATA RACE") || strings.Contains(log, "goroutine ") {
		m.t.Error("the log has a data race or a panic")
	}
}

// checkUploads checks that as many uploads are left as the test knows of, and
// that the log names them.
func (m *mount) checkUploads() {
	m.t.Helper()
	left := m.b.Uploads(m.t)
	if len(left) != m.wantUploads {
		m.t.Errorf("%d uploads left, want %d: %v", len(left), m.wantUploads, left)
	}
	for _, key := range left {
		m.wantLog("upload", key)
	}
}

// umount runs s3mpfs umount.
func (m *mount) umount() (code int, output string) {
	m.t.Helper()
	return m.s3mpfs("umount", m.dir)
}

// wantNotDurable ends the mount, which must tell of the file at path that it is not
// durable, and nothing of another.
func (m *mount) wantNotDurable(path, other string) {
	m.t.Helper()
	code, output := m.umount()
	if code != exitNotDurable || !strings.Contains(output, path) || strings.Contains(output, other) {
		m.t.Errorf("umount: exit code %d: %s", code, output)
	}
	m.wait()
	if code := m.cmd.ProcessState.ExitCode(); code != exitNotDurable {
		m.t.Errorf("the mount's exit code is %d", code)
	}
}

// s3mpfs runs the program and gives its exit code and what it printed.
func (b *bucket) s3mpfs(args ...string) (code int, output string) {
	b.t.Helper()
	return b.runCommand(b.command(args...))
}

func (b *bucket) runCommand(cmd *exec.Cmd) (code int, output string) {
	b.t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	return exitCode(b.t, cmd.Wait()), out.String()
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	t.Fatal(err)
	return -1
}

// wait waits for the end of the process and kills it where it does not end.
func (m *mount) wait() {
	m.t.Helper()
	select {
	case <-m.exited:
	case <-time.After(patience):
		m.t.Error("the process does not end; killed")
		m.kill()
	}
}

// kill is the way out for a mount that hangs: with its process, everything that
// waits for it gets an error.
func (m *mount) kill() {
	m.cmd.Process.Signal(syscall.SIGQUIT) // with a trace in the log
	select {
	case <-m.exited:
	case <-time.After(5 * time.Second):
		m.cmd.Process.Kill()
	}
	// Nothing is mounted any more in most cases. Force makes requests fail that
	// wait for a process that is gone.
	_ = syscall.Unmount(m.dir, syscall.MNT_DETACH|syscall.MNT_FORCE)
	<-m.exited
}

// signal sends the mount's process a signal.
func (m *mount) signal(s os.Signal) {
	m.t.Helper()
	if err := m.cmd.Process.Signal(s); err != nil {
		m.t.Fatal(err)
	}
}

func (m *mount) log() string {
	text, err := os.ReadFile(m.logFile)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// wantLog checks that a line of the log has all of words.
func (m *mount) wantLog(words ...string) {
	m.t.Helper()
	if !m.logged(words...) {
		m.t.Errorf("no line of the log has all of %q", words)
	}
}

// logged tells whether a line of the log has all of words.
func (m *mount) logged(words ...string) bool {
	for line := range strings.Lines(m.log()) {
		has := true
		for _, w := range words {
			has = has && strings.Contains(line, w)
		}
		if has {
			return true
		}
	}
	return false
}

// path is the path of a file in the mount.
func (m *mount) path(name string) string { return filepath.Join(m.dir, name) }

// ourMounts gives the mount points of all mounts of s3mpfs.
func ourMounts() (points []string) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, " - fuse.s3mpfs ") {
			points = append(points, strings.Fields(line)[4])
		}
	}
	return points
}

func mounted(dir string) bool {
	for _, point := range ourMounts() {
		if point == dir {
			return true
		}
	}
	return false
}

// within is the mount as a subtest uses it.
func (m *mount) within(t *testing.T) *mount {
	b := *m.bucket
	b.t = t
	inner := *m
	inner.bucket = &b
	return &inner
}

// eventually polls for something that another process brings about and that no
// one waits for.
func (m *mount) eventually(what string, ok func() bool) {
	m.t.Helper()
	m.eventuallyWithin(patience, what, ok)
}

// eventuallyWithin is eventually with a patience of its own.
func (m *mount) eventuallyWithin(patience time.Duration, what string, ok func() bool) {
	m.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			m.t.Fatalf("never: %s", what)
		}
	}
}
