package fs_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/s3mpfs/s3mpfs/fs"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
	"github.com/s3mpfs/s3mpfs/writer"
)

// pattern gives n bytes of which no two neighbouring parts are equal.
func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*7 + i>>8*13 + 1)
	}
	return p
}

func (m *mounted) openFile(name string, flags int) *os.File {
	m.Helper()
	f, err := os.OpenFile(m.path(name), flags, 0o644)
	if err != nil {
		m.Fatal(err)
	}
	m.Cleanup(func() { _ = f.Close() })
	return f
}

func (m *mounted) write(f *os.File, p []byte, off int) {
	m.Helper()
	if n, err := f.WriteAt(p, int64(off)); err != nil || n != len(p) {
		m.Fatalf("wrote %d of %d bytes: %v", n, len(p), err)
	}
}

func (m *mounted) close(f *os.File) {
	m.Helper()
	if err := f.Close(); err != nil {
		m.Fatal(err)
	}
}

func (m *mounted) uploads() (keys []string) {
	m.Helper()
	m.call("Uploads", None{}, &keys)
	return keys
}

// parts are the sizes of the parts that S3 holds of a key's only upload.
func (m *mounted) parts(key string) (sizes []int64) {
	m.Helper()
	m.call("Parts", key, &sizes)
	return sizes
}

// TestAtomicRefusesWhatNeedsAPublish: the refusal comes at once, the old object
// stays as it was, and neither what was written before nor what comes later is
// lost.
func TestAtomicRefusesWhatNeedsAPublish(t *testing.T) {
	o := tiny()
	o.Atomic, o.Memory = true, 16_384 // so that the first part is kept
	m := mount(t, settings{Engine: o})
	m.set("f", "old")
	content := pattern(12_000)
	f := m.openFile("f", os.O_RDWR|os.O_TRUNC)
	m.write(f, content, 0)
	sent := int64(0) // an offset of which S3 has the bytes and memory has not
	m.eventually("a part that is not kept", func() bool {
		sent = (sent + 500) % 10_000
		_, err := f.ReadAt(make([]byte, 10), sent)
		return errors.Is(err, unix.EPERM)
	})
	refusals := map[string]func() error{
		"read back":   func() error { _, err := f.ReadAt(make([]byte, 10), sent); return err },
		"write there": func() error { _, err := f.WriteAt([]byte("x"), sent); return err },
		"truncate":    func() error { return f.Truncate(sent) },
		"fsync":       f.Sync,
		"fdatasync":   func() error { return unix.Fdatasync(int(f.Fd())) },
	}
	for what, do := range refusals {
		if err := do(); !errors.Is(err, unix.EPERM) {
			t.Errorf("%s: %v, want EPERM", what, err)
		}
		if info, err := os.Stat(m.path("f")); err != nil || info.Size() != 12_000 {
			t.Errorf("%s changed the size: %v, %v", what, info.Size(), err)
		}
	}
	m.expect("f", "old")
	m.write(f, []byte("header"), 0)
	copy(content, "header")
	m.write(f, pattern(700), 12_000)
	m.close(f)
	m.expect("f", string(append(content, pattern(700)...)))
}

// TestAtomicWhenMemoryIsFull: half-filled files that may not be published hold
// it all. Who finds none is told at once; what was taken of it is published by
// close.
func TestAtomicWhenMemoryIsFull(t *testing.T) {
	o := tiny()
	o.Atomic = true
	m := mount(t, settings{Engine: o})
	p := pattern(100) // less than a part can have
	taken := map[*os.File]int{}
	refused := 0
	for i := range 40 {
		f := m.openFile(fmt.Sprint("f", i), os.O_WRONLY|os.O_CREATE)
		n, err := f.Write(p)
		if taken[f] = n; err == nil {
			continue
		}
		if refused++; !errors.Is(err, unix.EPERM) {
			t.Errorf("write %d: %v, want EPERM", i, err)
		}
	}
	if refused == 0 {
		t.Error("40 files of 100 bytes fit into 4096")
	}
	if keys := m.keys(); len(keys) > 0 {
		t.Errorf("published before close: %v", keys)
	}
	for f, n := range taken {
		m.close(f)
		if n > 0 {
			m.expect(f.Name()[len(m.dir)+1:], string(p[:n]))
		}
	}
}

// TestAtomicIsAsLongAsOneUpload: where part numbers would run out a write is
// refused, and what came before becomes the object.
func TestAtomicIsAsLongAsOneUpload(t *testing.T) {
	o := tiny()
	o.Atomic, o.Limits.MaxParts = true, 8
	m := mount(t, settings{Engine: o})
	f := m.openFile("f", os.O_WRONLY|os.O_CREATE)
	content := pattern(20_000)
	n, err := f.Write(content)
	if !errors.Is(err, unix.EFBIG) {
		// The kernel splits nothing here, so nothing was taken; by pieces
		// something is.
		t.Errorf("20,000 bytes in one write: %v, want EFBIG", err)
	}
	for ; n < len(content); n += 100 {
		if _, err = f.WriteAt(content[n:n+100], int64(n)); err != nil {
			break
		}
	}
	if !errors.Is(err, unix.EFBIG) || n < 3000 {
		t.Errorf("after %d bytes: %v, want EFBIG", n, err)
	}
	m.close(f)
	m.expect("f", string(content[:n]))
}

// TestFsyncThatOnlySends sends what can be a part, publishes nothing, and tells
// what went wrong.
func TestFsyncThatOnlySends(t *testing.T) {
	m := mount(t, settings{Engine: tiny(), Options: fs.Options{Fsync: fs.FsyncUpload}})
	content := pattern(2000)
	f := m.openFile("f", os.O_RDWR|os.O_CREATE)
	m.write(f, content, 0)
	for range 2 { // the second has nothing more to do
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		var sent int64
		for _, size := range m.parts("f") {
			sent += size
		}
		if len(m.keys()) > 0 || 2000-sent >= 128 { // fewer bytes are no part
			t.Errorf("after fsync S3 holds %d of 2000 bytes, objects: %v", sent, m.keys())
		}
	}
	m.write(f, content, 2000)
	m.write(f, []byte("header"), 0)
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	m.close(f)
	want := slices.Concat(content, content)
	copy(want, "header")
	m.expect("f", string(want))

	m.call("Fail", s3op.UploadPart, &None{})
	g := m.openFile("g", os.O_RDWR|os.O_CREATE)
	m.write(g, content[:400], 0)
	if err := g.Sync(); !errors.Is(err, unix.EACCES) {
		t.Errorf("fsync that S3 refuses: %v, want EACCES", err)
	}
	if err := g.Close(); !errors.Is(err, unix.EACCES) {
		t.Errorf("the close after: %v, want EACCES", err)
	}
	m.call("Fail", "", &None{})
}

// TestUniformParts: the store refuses an upload of which not all parts but the
// last are of one size.
func TestUniformParts(t *testing.T) {
	o := tiny()
	o.UniformParts = true
	m := mount(t, settings{Engine: o})
	type stretch struct{ off, n int }
	for name, stretches := range map[string][]stretch{
		"sequential":  {{0, 5000}},
		"backwards":   {{2000, 3000}, {0, 2000}},
		"patched":     {{0, 5000}, {3, 1}, {4800, 5}},
		"scattered":   {{0, 2500}, {1500, 10}, {2600, 70}, {100, 1000}},
		"with a hole": {{2900, 700}, {5000, 300}},
	} {
		for _, sync := range []func(*os.File) error{func(*os.File) error { return nil }, (*os.File).Sync} {
			f, content := m.openFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC), &inode{}
			for _, s := range stretches {
				m.write(f, pattern(s.n), s.off)
				content.put(pattern(s.n), s.off)
				if err := sync(f); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			m.close(f)
			m.expect(name, string(content.content))
		}
	}
}

// TestHoles reach as far as Options.MaxHole, and are zeros.
func TestHoles(t *testing.T) {
	m := mount(t, settings{Engine: tiny()}) // holes of 3000 bytes
	f := m.openFile("f", os.O_RDWR|os.O_CREATE)
	m.write(f, []byte("a"), 3000)
	for what, do := range map[string]func() error{
		"write":     func() error { _, err := f.WriteAt([]byte("x"), 3001+3001); return err },
		"truncate":  func() error { return f.Truncate(3001 + 3001) },
		"fallocate": func() error { return unix.Fallocate(int(f.Fd()), 0, 0, 3001+3001) },
	} {
		if err := do(); !errors.Is(err, unix.EFBIG) {
			t.Errorf("%s further out: %v, want EFBIG", what, err)
		}
	}
	if err := f.Truncate(3001 + 3000); err != nil {
		t.Error(err)
	}
	m.write(f, []byte("b"), 6001+2999)
	m.close(f)
	want := make([]byte, 9001)
	want[3000], want[9000] = 'a', 'b'
	m.expect("f", string(want))
}

// TestParkedWhenKilled: what a killed writer wrote stays as an upload that the
// log names, and the object that was there stays.
func TestParkedWhenKilled(t *testing.T) {
	m := mount(t, settings{Engine: tiny(), Options: fs.Options{OnKill: fs.KillPark}})
	m.set("f", "old")
	if out, err := m.try(`bash -c 'exec > f; for i in {1..600}; do echo $i; done; kill -9 $$'`); err == nil {
		t.Errorf("it was not killed: %s", out)
	}
	m.eventually("the park", func() bool { return strings.Contains(m.log(), "upload parked") })
	m.expect("f", "old")
	var sent int64
	for _, size := range m.parts("f") {
		sent += size
	}
	if want := len(m.sh(`seq 600`)); sent != int64(want) {
		t.Errorf("S3 holds %d of %d bytes", sent, want)
	}
	m.call("AbortAll", None{}, &None{})
}

// TestPartNumbersRunOut: the file is folded into a few copies and goes on, up
// to the largest object.
func TestPartNumbersRunOut(t *testing.T) {
	for _, maxParts := range []int32{5, 8, 13} {
		t.Run(fmt.Sprint(maxParts), func(t *testing.T) {
			m := mount(t, settings{Engine: writer.Options{
				PartSize: 128, BlockSize: 64, Memory: 512, MaxHole: 3000,
				Limits: writer.Limits{MaxParts: maxParts, MinPart: 64, MaxPart: 8192, MaxCopy: 8192, MinCopySource: 64, MaxObject: 20_000},
			}})
			content := pattern(20_000)
			for name, step := range map[string]int{"sequential": 77, "forth and back": -1400} {
				f := m.openFile(name, os.O_RDWR|os.O_CREATE)
				for off := 0; off < len(content); off += max(step, -step) {
					p := content[off:min(len(content), off+max(step, -step))]
					if step < 0 { // the second half first
						m.write(f, p[len(p)/2:], off+len(p)/2)
						p = p[:len(p)/2]
					}
					m.write(f, p, off)
				}
				got := make([]byte, len(content))
				if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, content) {
					t.Errorf("%s: before close the file differs from byte %d on, %v", name, differ(got, content), err)
				}
				if _, err := f.WriteAt([]byte("x"), 20_000); !errors.Is(err, unix.EFBIG) {
					t.Errorf("%s: beyond the largest object: %v", name, err)
				}
				m.close(f)
				m.expect(name, string(content))
			}
			n := m.requests(func() {
				m.sh(`for i in $(seq 30); do echo $i >> log; done; dd if=sequential of=again bs=1000 status=none`)
			})
			if n[s3op.CompleteMultipartUpload] < 2 {
				t.Errorf("nothing was folded: %v", n)
			}
			m.expect("again", string(content))
		})
	}
}

// TestPosixFallocateWritesNothing: where fallocate(2) fails, the C library
// writes a byte into each block instead.
func TestPosixFallocateWritesNothing(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{Debug: true}})
	m.sh(`python3 -c '
import os
f = os.open("f", os.O_RDWR | os.O_CREAT)
os.posix_fallocate(f, 0, 10 << 20)
os.posix_fallocate(f, 1 << 20, 5000)
assert os.fstat(f).st_size == 10 << 20
os.close(f)'`)
	if n := strings.Count(m.log(), ": WRITE "); n > 0 {
		t.Errorf("%d WRITE requests", n)
	}
	if size := m.head("f").Size; size != 10<<20 {
		t.Errorf("the object has %d bytes", size)
	}
}
