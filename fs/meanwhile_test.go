package fs_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// shared is a file that is written while others read it. Its bytes follow from
// their offsets, so that they can be checked whatever happens meanwhile.
type shared struct {
	*mounted
	content []byte
	size    atomic.Int64 // what the program has written
	ended   atomic.Bool
}

func (m *mounted) share() *shared { return &shared{mounted: m, content: pattern(15_000)} }

// grow appends, patches and publishes in each way there is, times times.
func (s *shared) grow(name string, times int) error {
	f, err := os.OpenFile(s.path(name), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	step := len(s.content) / times
	for i := range times {
		off := i * step
		_, err := f.WriteAt(s.content[off:off+step], int64(off))
		s.size.Store(int64(off + step))
		patch := off * 2 / 3
		_, patched := f.WriteAt(s.content[patch:patch+5], int64(patch)) // what is there already
		if err = errors.Join(err, patched); err == nil && i%3 == 0 {
			err = f.Sync()
		}
		if err == nil && i%10 == 9 {
			if err = f.Close(); err == nil {
				f, err = os.OpenFile(s.path(name), os.O_RDWR, 0)
			}
		}
		if err != nil {
			return fmt.Errorf("after %d bytes: %w", off, err)
		}
	}
	return f.Close()
}

// read reads through open until the end, and compares.
func (s *shared) read(open func() (*os.File, error)) error {
	for i := 0; !s.ended.Load(); i++ {
		f, err := open()
		if err != nil {
			return err
		}
		size := int(s.size.Load())
		if size == 0 {
			_ = f.Close()
			continue
		}
		off := i * 977 % size
		err = equalAt(int(f.Fd()), off, s.content[off:min(size, off+700)])
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// while runs readers while do is at work.
func (s *shared) while(do func() error, readers map[string]func() (*os.File, error)) {
	s.Helper()
	var all sync.WaitGroup
	for name, open := range readers {
		all.Go(func() {
			if err := s.read(open); err != nil {
				s.Errorf("%s: %v", name, err)
			}
		})
	}
	if err := do(); err != nil {
		s.Error(err)
	}
	s.ended.Store(true)
	all.Wait()
}

// kept gives duplicates of one descriptor.
func (m *mounted) kept(f *os.File) func() (*os.File, error) {
	return func() (*os.File, error) {
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		return os.NewFile(uintptr(fd), f.Name()), err
	}
}

// TestReadersDoNotNoticePublishes: fsync and close replace the object, memory
// and part numbers run out, and whoever reads sees what was written, never an
// error.
func TestReadersDoNotNoticePublishes(t *testing.T) {
	for _, parts := range []int32{8, 40} {
		o := tiny()
		o.Limits.MaxParts, o.Limits.MaxCopy, o.Limits.MaxPart = parts, 8192, 8192
		s := mount(t, settings{Engine: o}).share()
		_ = s.openFile("f", os.O_WRONLY|os.O_CREATE).Close()
		s.while(func() error { return s.grow("f", 150) }, map[string]func() (*os.File, error){
			"a descriptor that stays open": s.kept(s.openFile("f", os.O_RDONLY)),
			"one opened for each read":     func() (*os.File, error) { return os.Open(s.path("f")) },
			"one for writing":              func() (*os.File, error) { return os.OpenFile(s.path("f"), os.O_RDWR, 0) },
		})
		s.expect("f", string(s.content))
	}
}

// TestReadersDoNotNoticeRenames of the file they read, nor of one that is
// written.
func TestReadersDoNotNoticeRenames(t *testing.T) {
	s := mount(t, settings{Engine: tiny()}).share()
	writer := s.openFile("a", os.O_RDWR|os.O_CREATE)
	rename := func(from, to string) error {
		for i := range 60 {
			if i == 20 { // from now on it is one that is being written
				s.write(writer, s.content[:9000], 0)
				s.size.Store(9000)
			}
			if err := os.Rename(s.path(from), s.path(to)); err != nil {
				return err
			}
			from, to = to, from
		}
		return nil
	}
	s.write(writer, s.content[:3000], 0)
	s.size.Store(3000)
	if err := writer.Sync(); err != nil {
		t.Fatal(err)
	}
	s.while(func() error { return rename("a", "b") }, map[string]func() (*os.File, error){
		"a descriptor that stays open": s.kept(s.openFile("a", os.O_RDONLY)),
		"the writer's":                 s.kept(writer),
	})
	s.close(writer)
	s.expect("a", string(s.content[:9000]))
}

// TestAnotherMachineComesFirst: an append or an edit of an object that somebody
// else replaced meanwhile is ESTALE at close, the other's version stands, and
// the log names the upload in which ours is parked. An edit that needs bytes of
// what is gone cannot be parked; the log then has the failure alone.
func TestAnotherMachineComesFirst(t *testing.T) {
	m := mount(t, settings{Engine: tiny()})
	for _, size := range []int{60, 128, 129, 500, 3000} { // up to 128 bytes are fetched, not copied
		for what, change := range map[string]func(f *os.File) error{
			"append":          func(f *os.File) error { _, err := f.WriteAt(pattern(50), int64(size)); return err },
			"append much":     func(f *os.File) error { _, err := f.WriteAt(pattern(1500), int64(size)); return err },
			"edit the start":  func(f *os.File) error { _, err := f.WriteAt([]byte("ours"), 0); return err },
			"edit the middle": func(f *os.File) error { _, err := f.WriteAt([]byte("ours"), int64(size/2)); return err },
			"cut":             func(f *os.File) error { return f.Truncate(int64(size / 2)) },
			"lengthen":        func(f *os.File) error { return f.Truncate(int64(size + 100)) },
		} {
			m.loses(fmt.Sprint(what, " ", size), size, change)
		}
	}
}

// loses changes the object key of so many bytes and is too late.
func (m *mounted) loses(key string, size int, change func(*os.File) error) {
	m.Helper()
	m.set(key, string(pattern(size)))
	f := m.openFile(key, os.O_RDWR)
	if err := change(f); err != nil {
		m.Fatal(err)
	}
	appends := strings.HasPrefix(key, "append")
	if appends && size > 128 {
		m.eventually("the copy of the old bytes", func() bool {
			var sum int64
			for _, n := range m.parts(key) {
				sum += n
			}
			return sum >= int64(size)
		})
	}
	m.set(key, "theirs")
	if err := f.Close(); !errors.Is(err, unix.ESTALE) {
		m.Errorf("%s: close: %v, want ESTALE", key, err)
	}
	m.expect(key, "theirs")
	parked := strings.Contains(m.log(), "upload parked")
	if left := m.uploads(); !strings.Contains(m.log(), "errno=ESTALE") || parked != (len(left) == 1) || appends && !parked {
		m.Errorf("%s: uploads %q, the log says\n%s", key, left, m.log())
	}
	m.call("AbortAll", None{}, &None{})
	m.call("Forget", None{}, &None{})
	m.sh(`grep -q theirs '` + key + `'; echo ours >> '` + key + `'`)
	m.expect(key, "theirsours\n")
}
