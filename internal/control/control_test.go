package control

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stepMount loses one dirty file with each Status that an umount asks for, and
// ends with the last.
type stepMount struct {
	mu      sync.Mutex
	files   []File
	ending  bool
	ended   chan struct{}
	outcome Outcome
}

func (m *stepMount) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Status{Bucket: "films", Mountpoint: "/mnt", Files: m.files}
	if m.ending && len(m.files) > 0 {
		m.files = m.files[1:]
		if len(m.files) == 0 {
			close(m.ended)
		}
	}
	return s
}

func (m *stepMount) End() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ending = true
	return m.ended
}

func (m *stepMount) Ended() <-chan struct{} { return m.ended }

func (m *stepMount) Outcome() Outcome { return m.outcome }

var _ Mount = (*stepMount)(nil)

func newStepMount(outcome Outcome) *stepMount {
	return &stepMount{ended: make(chan struct{}), outcome: outcome, files: []File{
		{Path: "a", Size: 100, BytesSent: 40, BytesLeft: 60, Dirty: true},
		{Path: "b", Size: 10, BytesSent: 25, Dirty: true},
		{Path: "c", Size: 7},
	}}
}

func serve(t *testing.T, m Mount) (*Server, *Client) {
	t.Helper()
	s, err := Serve(t.TempDir(), "/mnt", m)
	if err != nil {
		t.Fatal(err)
	}
	c := NewClient(s.Path())
	t.Cleanup(func() {
		c.Close()
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s, c
}

func TestStatusTravelsWhole(t *testing.T) {
	m := newStepMount(Outcome{})
	_, c := serve(t, m)
	got, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := m.Status(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestUmountReportsWhatIsLeftAndTheOutcome(t *testing.T) {
	want := Outcome{Failed: []Failure{{"b", "EIO"}}, Busy: true}
	_, c := serve(t, newStepMount(want))
	var progress []Progress
	got, err := c.Umount(t.Context(), func(p Progress) { progress = append(progress, p) })
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v; want %+v", got, err, want)
	}
	steps := []Progress{{FilesLeft: 2, BytesLeft: 60}, {FilesLeft: 1}, {}}
	if !reflect.DeepEqual(progress, steps) {
		t.Errorf("progress was %v, want %v", progress, steps)
	}
}

// TestAwaitBeginsNothing, and tells how the mount ended when somebody else has
// ended it.
func TestAwaitBeginsNothing(t *testing.T) {
	want := Outcome{Failed: []Failure{{"b", "EIO"}}}
	m := newStepMount(want)
	_, c := serve(t, m)
	var reports int
	got, err := c.Await(t.Context(), func(p Progress) {
		if reports++; reports == 1 {
			if p != (Progress{FilesLeft: 2, BytesLeft: 60}) {
				t.Errorf("something was done before anybody ended the mount: %+v", p)
			}
			m.End()
		}
	})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestUmountOfAProcessThatDiesIsNoSuccess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.sock")
	l, err := listen(path)
	if err != nil {
		t.Fatal(err)
	}
	dying := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		events(w)(Event{Progress: &Progress{FilesLeft: 1}})
		panic(http.ErrAbortHandler)
	})}
	served := make(chan error, 1)
	go func() { served <- dying.Serve(l) }()
	c := NewClient(path)
	if _, err := c.Umount(t.Context(), func(Progress) {}); !errors.Is(err, ErrCutOff) {
		t.Errorf("got %v, want ErrCutOff", err)
	}
	c.Close()
	dying.Close()
	<-served
}

func TestUmountGoesOnWhenTheClientGoesAway(t *testing.T) {
	m := newStepMount(Outcome{})
	_, c := serve(t, m)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := c.Umount(ctx, func(Progress) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	<-m.ended
}

func TestSocketIsForTheOwnerAlone(t *testing.T) {
	s, _ := serve(t, newStepMount(Outcome{}))
	info, err := os.Stat(s.Path())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
}

// TestNobodyElseSpeaksWithTheMount connects as another user, which needs root:
// the folder stops him, and the socket's own mode where he is let in there.
func TestNobodyElseSpeaksWithTheMount(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	s, _ := serve(t, newStepMount(Outcome{}))
	if err := os.Chmod(filepath.Dir(s.Path()), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := dialAsNobody(s.Path()); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("through the folder: %v", err)
	}
	for dir := filepath.Dir(s.Path()); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(s.Path()); err != nil {
		t.Fatal(err)
	}
	if err := dialAsNobody(s.Path()); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("to the socket: %v", err)
	}
}

// dialAsNobody connects in a thread of another user, which ends with it.
func dialAsNobody(path string) error {
	dialled := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			defer unix.Close(fd)
			err = unix.Setfsuid(65534)
		}
		if err == nil {
			err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
		}
		dialled <- err
	}()
	return <-dialled
}

func TestASocketLeftBehindIsReplaced(t *testing.T) {
	dir := t.TempDir()
	path := leaveSocket(t, dir)
	s, err := Serve(dir, "/mnt", newStepMount(Outcome{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// leaveSocket leaves a socket as a process does that is killed.
func leaveSocket(t *testing.T, dir string) (path string) {
	t.Helper()
	path = filepath.Join(dir, Name("/mnt")+".sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	return path
}

func TestForget(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", privateDir(t))
	dir, err := RuntimeDir()
	if err != nil {
		t.Fatal(err)
	}
	path := leaveSocket(t, dir)
	if err := Forget("/mnt", os.Geteuid()); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a dead socket is still there: %v", err)
	}
	s, err := Serve(dir, "/mnt", newStepMount(Outcome{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := Forget("/mnt", os.Geteuid()); err != nil || !answers(s.Path()) {
		t.Errorf("a living socket is gone: %v", err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestALivingSocketIsNotReplaced(t *testing.T) {
	s, _ := serve(t, newStepMount(Outcome{}))
	if _, err := Serve(filepath.Dir(s.Path()), "/mnt", newStepMount(Outcome{})); !errors.Is(err, ErrServed) {
		t.Errorf("got %v, want ErrServed", err)
	}
}

func TestUnlinkLeavesTheNextMountsSocket(t *testing.T) {
	old, _ := serve(t, newStepMount(Outcome{}))
	if err := old.Unlink(); err != nil {
		t.Fatal(err)
	}
	next, err := Serve(filepath.Dir(old.Path()), "/mnt", newStepMount(Outcome{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Unlink(); err != nil {
		t.Error(err)
	}
	if !answers(next.Path()) {
		t.Error("the next mount's socket is gone")
	}
	if err := next.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFind(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", privateDir(t))
	if _, err := Find("/mnt", os.Geteuid()); !errors.Is(err, ErrNoServer) {
		t.Errorf("before there is one: %v", err)
	}
	dir, err := RuntimeDir()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Serve(dir, "/mnt", newStepMount(Outcome{}))
	if err != nil {
		t.Fatal(err)
	}
	if path, err := Find("/mnt", os.Geteuid()); err != nil || path != s.Path() {
		t.Errorf("found %q, %v; want %q", path, err, s.Path())
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := Find("/mnt", os.Geteuid()); !errors.Is(err, ErrNoServer) {
		t.Errorf("after it ended: %v", err)
	}
}

func TestRuntimeDirTrustsNoOpenFolder(t *testing.T) {
	xdg := privateDir(t)
	t.Setenv("XDG_RUNTIME_DIR", xdg)
	if err := os.Mkdir(filepath.Join(xdg, "s3mpfs"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(xdg, "s3mpfs"), 0o777); err != nil {
		t.Fatal(err)
	}
	if dir, err := RuntimeDir(); err == nil && dir == filepath.Join(xdg, "s3mpfs") {
		t.Errorf("took %s, which everybody may write to", dir)
	}
}

func privateDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}
