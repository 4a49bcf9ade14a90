package fs_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/s3mpfs/s3mpfs/fs"
	"github.com/s3mpfs/s3mpfs/internal/modeltest"
	"github.com/s3mpfs/s3mpfs/internal/s3fake"
	"github.com/s3mpfs/s3mpfs/writer"
)

// A file system must not be used by the process that serves it, so the tests
// serve it in a child: the test binary again, told so by this variable, with
// the bucket in its memory and a line to it through standard input and output.
const serveVariable = "S3MPFS_TEST_SERVE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(serveVariable); dir != "" {
		if err := serve(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	modeltest.Length{Checks: 60, LongChecks: 20_000, Steps: 60}.Parse()
	os.Exit(m.Run())
}

// settings of a mount under test.
type settings struct {
	Options fs.Options // without a log
	Engine  writer.Options
	Objects int // made under "many/" before the mount
	// Silent makes its listings tell nothing about metadata.
	Silent bool
	// Directory makes it a directory bucket, Versions one with versions.
	Directory, Versions bool
	// Impatient makes no listing be believed for being read.
	Impatient bool
	// Shown is how many files the kernel may keep without being asked to
	// forget some; 0: as many as ever.
	Shown int
}

// bucket is what a test can do to the bucket behind the mount.
type bucket struct {
	store  *s3fake.Store
	tree   *fs.Tree
	engine *writer.Engine
	mount  *fs.Mount
	log    *lines
	dir    string
	held   chan struct{} // closed by Let
}

// lines is a log to be looked at.
type lines struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

type None struct{}

func serve(dir string) error {
	server := rpc.NewServer()
	if err := server.RegisterName("Bucket", &bucket{log: &lines{}}); err != nil {
		return err
	}
	_ = os.Setenv(serveVariable, "")
	server.ServeCodec(jsonrpc.NewServerCodec(struct {
		io.Reader
		io.WriteCloser
	}{os.Stdin, os.Stdout}))
	return nil
}

type MountArgs struct {
	Dir      string
	Settings settings
}

func (b *bucket) Mount(args MountArgs, _ *None) (err error) {
	if b.store == nil { // not a second mount of it
		b.store = s3fake.New(s3fake.Options{
			Limits: args.Settings.Engine.Limits, Checksum: writer.CRC64NVME, Uniform: args.Settings.Engine.UniformParts,
			Directory: args.Settings.Directory, Versions: args.Settings.Versions, Silent: args.Settings.Silent,
		})
	}
	for i := range args.Settings.Objects {
		b.store.Set(fmt.Sprintf("many/%06d", i), nil, writer.Attributes{})
	}
	if args.Settings.Impatient {
		fs.BelieveNoReader()
	}
	if args.Settings.Shown > 0 {
		fs.ShowAtMost(args.Settings.Shown)
	}
	o := args.Settings.Options
	o.Log = slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	args.Settings.Engine.Log = o.Log
	if b.engine, err = writer.New(b.store, args.Settings.Engine); err != nil {
		return err
	}
	b.tree = fs.New(b.store, b.engine, o)
	b.dir = args.Dir
	b.mount, err = b.tree.Mount(args.Dir)
	return err
}

// End unmounts as the command does, and says what was left behind.
func (b *bucket) End(_ None, left *[]string) error {
	*left = []string{}
	for _, f := range b.tree.Finalise(context.Background()) {
		*left = append(*left, "failed: "+f.Error())
	}
	if err := unix.Unmount(b.dir, 0); err != nil {
		*left = append(*left, "a mount: "+err.Error())
		return nil
	}
	b.mount.Wait()
	for _, f := range b.tree.Finalise(context.Background()) {
		*left = append(*left, "failed late: "+f.Error())
	}
	b.tree.Close()
	if err := b.engine.Close(); err != nil {
		*left = append(*left, err.Error())
	}
	for _, u := range b.store.Uploads() {
		*left = append(*left, "upload of "+u.Key)
	}
	return nil
}

func (b *bucket) Finalise(_ None, failed *[]string) error {
	*failed = []string{}
	for _, f := range b.tree.Finalise(context.Background()) {
		*failed = append(*failed, f.Path)
	}
	return nil
}

func (b *bucket) Keys(_ None, keys *[]string) error {
	*keys = append([]string{}, b.store.Keys()...) // JSON knows no nil result
	return nil
}

// Uploads gives the keys of the uploads that are neither complete nor aborted.
func (b *bucket) Uploads(_ None, keys *[]string) error {
	*keys = []string{}
	for _, u := range b.store.Uploads() {
		*keys = append(*keys, u.Key)
	}
	return nil
}

// Parts gives the sizes of the parts of the only upload of a key.
func (b *bucket) Parts(key string, sizes *[]int64) error {
	*sizes = []int64{}
	for _, u := range b.store.Uploads() {
		if u.Key != key {
			continue
		}
		for _, p := range b.store.Parts(u.ID) {
			*sizes = append(*sizes, p.Size)
		}
	}
	return nil
}

// AbortAll aborts what was parked.
func (b *bucket) AbortAll(None, *None) error {
	for _, u := range b.store.Uploads() {
		if err := b.store.AbortMultipartUpload(context.Background(), u); err != nil {
			return err
		}
	}
	return nil
}

func (b *bucket) Get(key string, content *[]byte) error {
	bytes, ok := b.store.Bytes(key)
	if !ok {
		return fmt.Errorf("no object %q", key)
	}
	*content = bytes
	return nil
}

func (b *bucket) Head(key string, object *writer.Object) (err error) {
	o, ok := b.store.Object(key)
	if !ok {
		return fmt.Errorf("no object %q", key)
	}
	*object = o
	return nil
}

type SetArgs struct {
	Key        string
	Content    []byte
	Attributes writer.Attributes
}

func (b *bucket) Set(args SetArgs, _ *None) error {
	b.store.Set(args.Key, args.Content, args.Attributes)
	return nil
}

func (b *bucket) Tags(key string, tags *map[string]string) (err error) {
	*tags = map[string]string{} // JSON knows no nil result
	own, err := b.store.Tags(context.Background(), key)
	maps.Copy(*tags, own)
	return err
}

// SetAttributes changes those of an object as another mount does, by a copy.
func (b *bucket) SetAttributes(args SetArgs, _ *None) error {
	_, err := b.store.CopyObject(context.Background(), writer.Object{Key: args.Key}, args.Key, args.Attributes, writer.Condition{})
	return err
}

func (b *bucket) Remove(key string, _ *None) error {
	b.store.Remove(key)
	return nil
}

func (b *bucket) Counts(_ None, counts *s3fake.Counts) error {
	*counts = b.store.Counts()
	return nil
}

func (b *bucket) Reset(_ None, _ *None) error {
	b.store.ResetCounts()
	return nil
}

// Fail makes every request of an operation fail with access denied; an empty
// operation ends that.
func (b *bucket) Fail(op string, _ *None) error {
	b.store.Inject(func(c s3fake.Call) s3fake.Fault {
		if op != "" && c.Op == op {
			return s3fake.Fault{Class: writer.ErrAccess, Code: "AccessDenied", Status: 403}
		}
		return s3fake.Fault{}
	})
	return nil
}

// Panic makes every request of an operation find the program wrong; an empty
// operation ends that.
func (b *bucket) Panic(op string, _ *None) error {
	b.store.Inject(func(c s3fake.Call) s3fake.Fault {
		if c.Op == op {
			panic("injected")
		}
		return s3fake.Fault{}
	})
	return nil
}

// FailNth makes the n-th request from now on fail as if S3 were out of order.
func (b *bucket) FailNth(n int, _ *None) error {
	b.store.FailNth(n, s3fake.Refuse(writer.ErrUnavailable))
	return nil
}

// FailSecond makes the second request of an operation since Reset fail.
func (b *bucket) FailSecond(op string, _ *None) error {
	b.store.Inject(func(c s3fake.Call) s3fake.Fault {
		if c.Op == op && c.OpN == 2 {
			return s3fake.Refuse(writer.ErrUnavailable)
		}
		return s3fake.Fault{}
	})
	return nil
}

// LoseNth makes the answer to the n-th request from now on be lost.
func (b *bucket) LoseNth(n int, _ *None) error {
	b.store.FailNth(n, s3fake.LostAnswer)
	return nil
}

// Heap is what the process holds in memory that is not garbage, in bytes.
func (b *bucket) Heap(_ None, bytes *int64) error {
	var s runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&s)
	*bytes = int64(s.HeapAlloc)
	return nil
}

// Nodes is how many inodes the kernel knows.
func (b *bucket) Nodes(_ None, n *int) error {
	*n = b.tree.Nodes()
	return nil
}

// Close gives everything up while the kernel still asks.
func (b *bucket) Close(None, *None) error {
	b.tree.Close()
	return nil
}

func (b *bucket) Archive(key string, _ *None) error {
	b.store.Archive(key, "GLACIER")
	return nil
}

func (b *bucket) Lock(key string, _ *None) error {
	b.store.Lock(key)
	return nil
}

func (b *bucket) Renames(_ None, renames *[]fs.Rename) error {
	*renames = append([]fs.Rename{}, b.tree.Renames()...)
	return nil
}

// Hold makes requests of an operation wait until Let.
func (b *bucket) Hold(op string, _ *None) error {
	held := make(chan struct{})
	b.held = held
	b.store.Inject(func(c s3fake.Call) s3fake.Fault {
		if c.Op == op {
			<-held
		}
		return s3fake.Fault{}
	})
	return nil
}

// HoldAnswer makes the answer to the next request of an operation wait until Let.
func (b *bucket) HoldAnswer(op string, _ *None) error {
	held := make(chan struct{})
	b.held = held
	var once atomic.Bool
	b.store.Inject(func(c s3fake.Call) s3fake.Fault {
		if c.Op == op && once.CompareAndSwap(false, true) {
			return s3fake.Fault{Late: func() { <-held }}
		}
		return s3fake.Fault{}
	})
	return nil
}

func (b *bucket) Let(None, *None) error {
	if b.held != nil {
		close(b.held)
		b.held = nil
	}
	b.store.Inject(nil)
	return nil
}

// Forget empties the log.
func (b *bucket) Forget(None, *None) error {
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	b.log.text.Reset()
	return nil
}

func (b *bucket) Log(_ None, text *string) error {
	*text = b.log.String()
	return nil
}

// mounted is a mount in a child process, seen from the test.
type mounted struct {
	*testing.T
	dir     string
	client  *rpc.Client
	process *os.Process
}

// mount serves a bucket in a child process and mounts it.
func mount(t *testing.T, s settings) *mounted {
	t.Helper()
	m := &mounted{T: t, dir: t.TempDir()}
	m.start()
	m.call("Mount", MountArgs{m.dir, s}, &None{})
	t.Cleanup(func() {
		var left []string
		m.call("End", None{}, &left)
		for _, what := range left {
			t.Error("left behind:", what)
		}
	})
	return m
}

// remount ends the mount, which must leave nothing behind, and mounts the same
// bucket again.
func (m *mounted) remount(s settings) {
	m.Helper()
	var left []string
	m.call("End", None{}, &left)
	if len(left) > 0 {
		m.Errorf("left behind: %q", left)
	}
	m.call("Mount", MountArgs{m.dir, s}, &None{})
}

func (m *mounted) start() {
	m.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), serveVariable+"="+m.dir,
		"GORACE=atexit_sleep_ms=0") // a second for each mount otherwise
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		m.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		m.Fatal(err)
	}
	if err := child.Start(); err != nil {
		m.Fatal(err)
	}
	m.process = child.Process
	m.client = jsonrpc.NewClient(struct {
		io.Reader
		io.WriteCloser
	}{out, in})
	m.Cleanup(func() {
		_ = m.client.Close() // ends the child
		if err := child.Wait(); err != nil {
			m.Errorf("the serving process: %v", err)
		}
		if unix.Unmount(m.dir, unix.MNT_DETACH) == nil {
			m.Error("a mount was left behind")
		}
	})
}

func (m *mounted) call(method string, args, reply any) {
	m.Helper()
	if err := m.client.Call("Bucket."+method, args, reply); err != nil {
		m.Fatalf("%s: %v", method, err)
	}
}

// sh runs a script in the mount and gives what it prints.
func (m *mounted) sh(script string) string {
	m.Helper()
	out, err := m.try(script)
	if err != nil {
		m.Fatalf("%s: %v\n%s", script, err, out)
	}
	return out
}

func (m *mounted) try(script string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", `cd "$MNT" && `+script)
	cmd.Env = append(os.Environ(), "MNT="+m.dir, "LC_ALL=C")
	cmd.WaitDelay = time.Second // for who inherited its output
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (m *mounted) keys() (keys []string) {
	m.Helper()
	m.call("Keys", None{}, &keys)
	return keys
}

func (m *mounted) get(key string) string {
	m.Helper()
	var content []byte
	m.call("Get", key, &content)
	return string(content)
}

func (m *mounted) head(key string) (object writer.Object) {
	m.Helper()
	m.call("Head", key, &object)
	return object
}

func (m *mounted) set(key, content string) {
	m.Helper()
	m.setWith(key, content, writer.Attributes{ContentType: "text/x-test"})
}

func (m *mounted) setWith(key, content string, attrs writer.Attributes) {
	m.Helper()
	m.call("Set", SetArgs{key, []byte(content), attrs}, &None{})
}

// requests gives the number of requests that an action makes, by operation.
func (m *mounted) requests(action func()) map[string]int {
	m.Helper()
	m.call("Reset", None{}, &None{})
	action()
	var counts s3fake.Counts
	m.call("Counts", None{}, &counts)
	return counts.Requests
}

func (m *mounted) heap() (bytes int64) {
	m.Helper()
	m.call("Heap", None{}, &bytes)
	return bytes
}

func (m *mounted) log() (text string) {
	m.Helper()
	m.call("Log", None{}, &text)
	return text
}

// expect compares an object with what it must hold.
func (m *mounted) expect(key, content string) {
	m.Helper()
	if got := m.get(key); got != content {
		m.Errorf("%s holds %q, want %q", key, shorten(got), shorten(content))
	}
}

func shorten(text string) string {
	if len(text) > 100 {
		return fmt.Sprintf("%s... (%d bytes)", text[:100], len(text))
	}
	return text
}

// eventually waits for what RELEASE does after close(2) has returned.
func (m *mounted) eventually(what string, ok func() bool) {
	m.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			m.Fatalf("%s did not happen", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func (m *mounted) path(name string) string { return filepath.Join(m.dir, name) }
