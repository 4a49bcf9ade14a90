package fs_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/s3mpfs/s3mpfs/fs"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// TestWhatARenameReplacedStaysGone: a file that has not been published takes the
// name of an object, and then loses it again.
func TestWhatARenameReplacedStaysGone(t *testing.T) {
	m := mount(t, settings{})
	for what, do := range map[string]func() error{
		"removed":             func() error { return os.Remove(m.path("a")) },
		"renamed once more":   func() error { return os.Rename(m.path("a"), m.path("b")) },
		"replaced by another": func() error { m.set("c", "new"); return os.Rename(m.path("c"), m.path("a")) },
	} {
		m.set("a", "old")
		f := m.openFile("fresh", os.O_WRONLY|os.O_CREATE)
		m.write(f, []byte("new"), 0)
		if err := os.Rename(m.path("fresh"), m.path("a")); err != nil {
			t.Fatal(err)
		}
		if err := do(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		m.close(f)
		for _, key := range m.keys() {
			if m.get(key) != "new" {
				t.Errorf("%s: %s holds %q", what, key, m.get(key))
			}
			m.sh(`rm ` + key)
		}
	}
}

// TestReadersOfARemovedFile go on after its writer has closed it, as far as it
// is in memory; nobody copies what is no object.
func TestReadersOfARemovedFile(t *testing.T) {
	m := mount(t, settings{})
	w := m.openFile("f", os.O_WRONLY|os.O_CREATE)
	m.write(w, []byte("content"), 0)
	r := m.openFile("f", os.O_RDONLY)
	if err := os.Remove(m.path("f")); err != nil {
		t.Fatal(err)
	}
	m.close(w)
	to := m.openFile("copy", os.O_RDWR|os.O_CREATE)
	for range 3 { // RELEASE comes later than close
		m.sh(`sync .`)
		p := make([]byte, 10)
		if n, err := r.ReadAt(p, 0); string(p[:n]) != "content" {
			t.Errorf("read %q, %v", p[:n], err)
		}
	}
	if err := copyRange(&descriptor{fd: int(r.Fd())}, &descriptor{fd: int(to.Fd())}, 0, 0, 7); err != nil {
		t.Errorf("copy_file_range: %v", err)
	}
	m.close(to)
	m.expect("copy", "content")

	m.set("object", "old")
	o := m.openFile("object", os.O_RDONLY)
	m.sh(`rm object`)
	to = m.openFile("copy", os.O_RDWR)
	if err := copyRange(&descriptor{fd: int(o.Fd())}, &descriptor{fd: int(to.Fd())}, 0, 0, 3); err != nil {
		t.Errorf("copy_file_range of an object that was removed: %v", err)
	}
	m.close(to)
	m.expect("copy", "oldtent")
	m.close(o)
	m.eventually("nothing is kept", func() bool { return len(m.keys()) == 1 })
	if keys := m.keys(); !slices.Equal(keys, []string{"copy"}) {
		t.Errorf("objects: %v", keys)
	}
}

// TestWhatWasPublishedOnTheWayIsRemovedToo: a file may have become an object
// before anybody closed it, and have been emptied since.
func TestWhatWasPublishedOnTheWayIsRemovedToo(t *testing.T) {
	for what, do := range map[string]func(m *mounted) error{
		"removed":  func(m *mounted) error { return os.Remove(m.path("f")) },
		"renamed":  func(m *mounted) error { return os.Rename(m.path("f"), m.path("g")) },
		"replaced": func(m *mounted) error { m.sh(`echo > g`); return os.Rename(m.path("g"), m.path("f")) },
	} {
		m := mount(t, settings{Engine: tiny()})
		f := m.openFile("f", os.O_RDWR|os.O_CREATE)
		m.write(f, pattern(12_000), 0)
		if n, err := f.ReadAt(make([]byte, 12_000), 0); n != 12_000 {
			t.Fatal(err)
		}
		if len(m.keys()) != 1 {
			t.Fatal("it was not published to be read")
		}
		if err := f.Truncate(0); err != nil {
			t.Fatal(err)
		}
		if err := do(m); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		m.close(f)
		m.sh(`test ! -e g || rm g; test ` + what + ` != replaced || rm f`)
		if keys := m.keys(); len(keys) > 0 {
			t.Errorf("%s: objects %v", what, keys)
		}
	}
}

// A directory whose attributes are being stored is removed after that, or else
// they would bring it back.
func TestWhatIsRemovedIsNotStoredLate(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{QuietTime: time.Millisecond}})
	m.set("d/x", "made by another program, without a marker")
	m.call("Reset", None{}, &None{})
	m.call("Hold", s3op.PutObject, &None{})
	m.sh(`touch -d @1000000000 d`)
	m.await(s3op.PutObject)
	m.sh(`rm d/x`)
	removed := make(chan error, 1)
	go func() { removed <- os.Remove(m.path("d")) }()
	select {
	case err := <-removed:
		t.Errorf("removed while its attributes are stored; %v", err)
		removed <- err
	case <-time.After(100 * time.Millisecond): // nobody tells that it waits
	}
	m.call("Let", None{}, &None{})
	if err := <-removed; err != nil {
		t.Error(err)
	}
	m.sh(`! ls -A | grep .`)
	m.eventually("nothing is left", func() bool { return len(m.keys()) == 0 })
}

// TestAFolderIsNotEmptyWhoseFileIsClosedMeanwhile, although S3 had nothing in it
// when it was asked, and this mount writes nothing any more when S3 answers.
func TestAFolderIsNotEmptyWhoseFileIsClosedMeanwhile(t *testing.T) {
	m := mount(t, settings{})
	m.sh(`mkdir d`)
	f := m.openFile("d/f", os.O_WRONLY|os.O_CREATE)
	m.write(f, []byte("x"), 0)
	m.call("Reset", None{}, &None{})
	m.call("HoldAnswer", s3op.ListObjectsV2, &None{})
	removed := make(chan error, 1)
	go func() { removed <- unix.Rmdir(m.path("d")) }()
	m.await(s3op.ListObjectsV2)
	m.close(f)
	m.call("Let", None{}, &None{})
	if err := <-removed; err != unix.ENOTEMPTY {
		t.Errorf("rmdir: %v", err)
	}
	m.sh(`cat d/f`)
}

// TestAReplacedFolderKeepsNothing of what it had, nor what it was about to get.
func TestAReplacedFolderKeepsNothing(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{Preserve: fs.PreserveAll, QuietTime: time.Hour}})
	m.sh(`mkdir -m 755 src; echo x > src/x; mkdir target; chmod 700 target; mv -T src target; stat -c %a target`)
	m.remount(settings{Options: fs.Options{Preserve: fs.PreserveAll}})
	if got := m.sh(`stat -c %a target; cat target/x`); got != "755\nx\n" {
		t.Errorf("the folder is %q", got)
	}
}
