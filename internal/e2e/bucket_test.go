package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/s3mpfs/s3mpfs/internal/s3server"
)

// bucket is a bucket of a test's own, seen by a client that shares nothing with
// the mount.
type bucket struct {
	t        *testing.T
	store    *store
	b        *s3server.Bucket
	prefix   string // the part of it that is mounted, with a slash at its end, or empty
	endpoint string // what mounts use: the store or a proxy before it
	work     string // a local folder for the test's files
	// env is where its commands find credentials; nil: the store's own.
	env []string
}

func newBucket(t *testing.T, s *store) *bucket {
	t.Helper()
	return &bucket{t: t, store: s, b: s.NewBucket(t), endpoint: s.Endpoint, work: t.TempDir()}
}

// target is the mount's first argument.
func (b *bucket) target() string { return b.b.Name + "/" + b.prefix }

// local writes a file into the work folder.
func (b *bucket) local(name string, content []byte) string {
	b.t.Helper()
	path := filepath.Join(b.work, name)
	if err := os.WriteFile(path, content, 0o644); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// localFile reads a file of the work folder.
func (b *bucket) localFile(name string) []byte {
	b.t.Helper()
	content, err := os.ReadFile(filepath.Join(b.work, name))
	if err != nil {
		b.t.Fatal(err)
	}
	return content
}

func (b *bucket) object(name string) []byte {
	b.t.Helper()
	return b.b.Bytes(b.t, b.prefix+name)
}

func (b *bucket) head(name string) *s3.HeadObjectOutput {
	b.t.Helper()
	return b.b.Head(b.t, b.prefix+name)
}

func (b *bucket) exists(name string) bool {
	b.t.Helper()
	return b.b.Exists(b.t, b.prefix+name)
}

func (b *bucket) put(name string, content []byte) {
	b.t.Helper()
	b.b.Put(b.t, b.prefix+name, content)
}

func (b *bucket) keys() []string {
	b.t.Helper()
	return b.b.Keys(b.t)
}

// wantObject checks an object's content.
func (b *bucket) wantObject(name string, want []byte) {
	b.t.Helper()
	if !b.exists(name) {
		b.t.Errorf("there is no object %s", name)
	} else if got := b.object(name); !bytes.Equal(got, want) {
		b.t.Errorf("object %s: %s", name, difference(got, want))
	}
}

func (b *bucket) wantNoObject(name string) {
	b.t.Helper()
	if b.exists(name) {
		b.t.Errorf("object %s exists", name)
	}
}

func difference(got, want []byte) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("differs first at offset %d; %d bytes, want %d", i, len(got), len(want))
		}
	}
	return fmt.Sprintf("%d bytes, want %d; the same up to there", len(got), len(want))
}

// random gives n bytes that depend on seed alone.
func random(seed byte, n int) []byte {
	p := make([]byte, n)
	mathrand.NewChaCha8([32]byte{seed}).Read(p)
	return p
}

// files are the names of all files below a folder of the work folder.
func (b *bucket) files(dir string) (names []string) {
	b.t.Helper()
	err := filepath.WalkDir(filepath.Join(b.work, dir), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			names = append(names, path[len(b.work)+1:])
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return names
}
