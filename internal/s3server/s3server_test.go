package s3server

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func TestVersitygw(t *testing.T) {
	s := Start(t)
	b := s.NewBucket(t)
	use(t, b)
	if sum := b.Head(t, "dir/key").ChecksumCRC64NVME; sum == nil || *sum == "" {
		t.Error("head tells no checksum")
	}
	p, err := os.ReadFile(filepath.Join(s.Dir, b.Name, "dir", "key"))
	if err != nil || string(p) != "hello" {
		t.Errorf("the object's file holds %q, %v", p, err)
	}
}

func TestMoto(t *testing.T) {
	s, ok := StartMoto(t)
	if _, err := exec.LookPath("moto_server"); ok != (err == nil) {
		t.Fatalf("moto started: %v; found: %v", ok, err)
	}
	if ok {
		use(t, s.NewBucket(t))
	}
}

// use makes and looks at objects and uploads.
func use(t *testing.T, b *Bucket) {
	b.Put(t, "dir/key", []byte("hello"))
	b.Put(t, "gone", nil)
	b.Delete(t, "gone")
	if got := b.Bytes(t, "dir/key"); string(got) != "hello" {
		t.Errorf("the object holds %q", got)
	}
	if !b.Exists(t, "dir/key") || b.Exists(t, "gone") {
		t.Error("the wrong object exists")
	}
	if h := b.Head(t, "dir/key"); *h.ContentLength != 5 {
		t.Errorf("head: %d bytes", *h.ContentLength)
	}
	if keys := b.Keys(t); !slices.Equal(keys, []string{"dir/key"}) {
		t.Errorf("keys: %q", keys)
	}
	key := "upload"
	if _, err := b.client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &b.Name, Key: &key}); err != nil {
		t.Fatal(err)
	}
	if uploads := b.Uploads(t); !slices.Equal(uploads, []string{"upload"}) {
		t.Errorf("uploads: %q", uploads)
	}
}

func TestCloseEndsServer(t *testing.T) {
	s, err := Run(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := http.Get(s.Endpoint); err == nil {
		r.Body.Close()
		t.Error("a closed server answers")
	}
}

// TestDiesWithParent runs this test binary again as a parent that is killed.
func TestDiesWithParent(t *testing.T) {
	if dir := os.Getenv("S3SERVER_TEST_PARENT"); dir != "" {
		parent(dir)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestDiesWithParent$")
	cmd.Env = append(os.Environ(), "S3SERVER_TEST_PARENT="+t.TempDir())
	out, err := cmd.Output()
	if err == nil || !cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled() {
		t.Fatalf("the parent was not killed: %v", err)
	}
	endpoint := strings.TrimSpace(string(out))
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		r, err := http.Get(endpoint)
		if err != nil {
			return
		}
		r.Body.Close()
		if time.Now().After(deadline) {
			t.Fatalf("the server at %s outlives its parent", endpoint)
		}
	}
}

// parent starts a server, tells where, and dies without cleaning up.
func parent(dir string) {
	s, err := Run(context.Background(), dir)
	if err != nil {
		panic(err)
	}
	os.Stdout.WriteString(s.Endpoint + "\n")
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

func TestSidecar(t *testing.T) {
	// /proc has no extended attributes.
	dir := filepath.Join(t.TempDir(), "metadata")
	flags, err := metadataFlags("/proc", dir)
	if err != nil || !slices.Equal(flags, []string{"--sidecar", dir}) {
		t.Fatalf("%q, %v", flags, err)
	}
}

func TestLogIsBounded(t *testing.T) {
	var l logBuffer
	for range 3 {
		if n, err := l.Write(bytes.Repeat([]byte("x"), maxLog-1)); n != maxLog-1 || err != nil {
			t.Fatal(n, err)
		}
	}
	if len(l.String()) != maxLog {
		t.Fatalf("%d bytes are kept", len(l.String()))
	}
}
