package e2e

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

// TestCloseReturnsWhenTheObjectIsThere looks at the bucket right after close, in
// the program that closed.
func TestCloseReturnsWhenTheObjectIsThere(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store) {
		m := mountBucket(t, s)
		for _, n := range []int{0, 1, 3 * mib, 35 * mib} {
			content := random(7, n)
			if err := m.writeFile("f", content); err != nil {
				t.Fatal(err)
			}
			m.wantObject("f", content)
			if checksum := m.head("f").ChecksumCRC64NVME; s.checksums && n > 0 && checksum == nil {
				t.Error("the object has no CRC64NVME")
			}
		}
	})
}

// TestFilesOfTwoMounts in one process are not taken for one another.
func TestFilesOfTwoMounts(t *testing.T) {
	t.Parallel()
	a, b := mountBucket(t, all.versitygw(t)), mountBucket(t, all.versitygw(t))
	f := a.create("f")
	if err := b.writeFile("f", nil); err != nil {
		t.Error(err)
	}
	b.wantObject("f", nil)
	a.write(f, []byte("x"))
	a.close(f)
	a.wantObject("f", []byte("x"))
}

// TestTheOldObjectStaysUntilClose overwrites in each way that a program can.
func TestTheOldObjectStaysUntilClose(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store) {
		m := mountBucket(t, s)
		old, content := random(8, mib), random(9, 25*mib)
		for _, flags := range []int{os.O_TRUNC, os.O_TRUNC | os.O_CREATE} {
			m.put("f", old)
			f := m.open("f", os.O_WRONLY|flags)
			m.wantObject("f", old)
			m.write(f, content)
			m.wantObject("f", old)
			m.close(f)
			m.wantObject("f", content)
		}
	})
}

func TestANewFileIsNoObjectUntilClose(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t))
	f := m.create("new")
	m.wantNoObject("new")
	m.write(f, random(10, 25*mib))
	m.wantNoObject("new")
	if info, err := os.Stat(m.path("new")); err != nil || info.Size() != 25*mib {
		t.Errorf("stat while writing: %v, %v", info, err)
	}
	m.close(f)
	m.wantObject("new", random(10, 25*mib))
}

func TestFsync(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t))
	content := random(11, 25*mib)
	f := m.create("f")
	m.write(f, content[:11*mib])
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	m.wantObject("f", content[:11*mib])
	m.write(f, content[11*mib:])
	m.close(f)
	m.wantObject("f", content)
}

// TestDupIsOneFile: each close publishes what there is, and writing goes on.
func TestDupIsOneFile(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t))
	content := random(12, 23*mib)
	f := m.create("f")
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	other := os.NewFile(uintptr(fd), "dup")
	m.write(f, content[:12*mib])
	m.close(f)
	m.wantObject("f", content[:12*mib])
	m.write(other, content[12*mib:])
	m.close(other)
	m.wantObject("f", content)
}

func TestExclusiveCreation(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store) {
		a := mountBucket(t, s)
		b := a.mount()
		a.put("there", []byte("x"))
		if _, err := os.OpenFile(a.path("there"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644); !errors.Is(err, os.ErrExist) {
			t.Errorf("O_EXCL on an object that is there: %v", err)
		}
		for _, n := range []int{1000, 15 * mib} {
			name := "race" + string(rune('0'+n%7))
			one := a.open(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
			two := b.open(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
			b.write(two, random(2, n))
			a.write(one, random(1, n))
			b.close(two)
			if err := one.Close(); !errors.Is(err, syscall.EEXIST) {
				t.Errorf("close of the one who lost: %v, want EEXIST", err)
			}
			a.wantObject(name, random(2, n))
		}
	})
}

func (m *mount) open(name string, flags int) *os.File {
	m.t.Helper()
	f, err := os.OpenFile(m.path(name), flags, 0o644)
	if err != nil {
		m.t.Fatal(err)
	}
	return f
}

func (m *mount) create(name string) *os.File {
	m.t.Helper()
	return m.open(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
}

func (m *mount) write(f *os.File, content []byte) {
	m.t.Helper()
	if n, err := f.Write(content); err != nil || n != len(content) {
		m.t.Fatalf("write of %d bytes: %d, %v", len(content), n, err)
	}
}

func (m *mount) close(f *os.File) {
	m.t.Helper()
	if err := f.Close(); err != nil {
		m.t.Fatal(err)
	}
}
