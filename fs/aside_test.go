package fs_test

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// wantAll reads a whole file through a descriptor.
func (m *mounted) wantAll(f *os.File, want string) {
	m.Helper()
	p := make([]byte, len(want)+1)
	n, err := f.ReadAt(p, 0)
	if string(p[:n]) != want {
		m.Errorf("the descriptor reads %d bytes %q, %v, want %d", n, shorten(string(p[:n])), err, len(want))
	}
}

// letters are n bytes no two of which next to each other are the same.
func letters(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteByte('a' + byte(i%23) + byte(i/23%3))
	}
	return b.String()
}

// Whoever has a file open reads on when its name goes, however it goes and
// however large the object is; nothing of it is left afterwards.
func TestADescriptorOutlivesItsName(t *testing.T) {
	for _, bucket := range []settings{{}, {Versions: true}, {Directory: true}} {
		bucket.Engine, bucket.Options.MetadataTTL = small, -1
		m := mount(t, bucket)
		for _, size := range []int{10, 900, 7000} {
			for _, how := range []string{`rm d/f`, `rm -r d`, `mv other d/f`, `echo x > new; mv new d/f`, `mv -T d e; rm -r e`} {
				m.set("d/f", letters(size))
				m.set("other", "other")
				f := m.openFile("d/f", os.O_RDONLY)
				if _, err := f.ReadAt(make([]byte, 5), 0); err != nil {
					t.Fatal(err)
				}
				n := m.requests(func() { m.sh(how) })
				if copies := n[s3op.CopyObject] + n[s3op.UploadPartCopy]; bucket.Versions && copies > 1 && size < 1000 {
					t.Errorf("%s in a bucket with versions cost %v", how, n)
				}
				m.wantAll(f, letters(size))
				m.sh(`test "$(ls -A | grep -c s3mpfs)" = 0; ! test -e .s3mpfs-removed; ! mkdir .s3mpfs-removed 2> /dev/null`)
				m.close(f)
				m.sh(`rm -rf *`)
				m.eventually("nothing is left of "+how, func() bool { return len(m.keys()) == 0 })
			}
		}
	}
}

// A file with changes that nobody has published, most of which S3 holds.
func TestChangesOutliveTheName(t *testing.T) {
	m := mount(t, settings{Engine: small})
	content := letters(7000)
	m.set("f", content)
	f := m.openFile("f", os.O_RDWR)
	m.write(f, []byte("CHANGED"), 3000)
	m.sh(`rm f`)
	changed := content[:3000] + "CHANGED" + content[3007:]
	m.wantAll(f, changed)
	m.write(f, []byte("AGAIN"), 10)
	changed = changed[:10] + "AGAIN" + changed[15:]
	m.wantAll(f, changed)
	m.close(f)
	m.eventually("nothing is left", func() bool { return len(m.keys()) == 0 })

	m.set("g", content)
	g := m.openFile("g", os.O_RDWR)
	m.sh(`rm g`)
	m.write(g, []byte("LATE"), 0)
	m.wantAll(g, "LATE"+content[4:])
	m.close(g)
	m.eventually("nothing is left", func() bool { return len(m.keys()) == 0 })
	var uploads []string
	if m.call("Uploads", None{}, &uploads); len(uploads) > 0 {
		t.Errorf("uploads %v", uploads)
	}
}

// What is put aside is what was published last, also where that was only done
// because a part had to be read that S3 held.
func TestWhatWasPublishedMidwayOutlivesTheName(t *testing.T) {
	m := mount(t, settings{Engine: tiny()})
	for name, script := range map[string]string{"removed": `rm removed`, "replaced": `echo new > new; mv new replaced`} {
		t.Run(name, func(t *testing.T) {
			m.set(name, letters(7000))
			f := m.openFile(name, os.O_RDWR)
			changed := strings.ToUpper(letters(7000))
			m.write(f, []byte(changed), 0)
			m.wantAll(f, changed)
			if got := m.get(name); got == letters(7000) {
				t.Fatal("nothing was published midway")
			}
			m.sh(script)
			m.wantAll(f, changed)
			m.close(f)
		})
	}
}

// Descriptors are closed while their file is removed: whoever is last deletes
// what was put aside.
func TestNothingIsLeftOfFilesClosedWhileRemoved(t *testing.T) {
	m := mount(t, settings{})
	for range 60 {
		m.set("f", "x")
		f := m.openFile("f", os.O_RDONLY)
		closed := make(chan error, 1)
		go func() { closed <- f.Close() }()
		m.sh(`rm f`)
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
	}
	m.eventually("nothing is left", func() bool { return len(m.keys()) == 0 })
}

// A name that is given to one file after the other can be opened while that
// happens, and what is read is one of them.
func TestOpenANameThatIsReplacedAllTheTime(t *testing.T) {
	m := mount(t, settings{})
	m.sh(`echo 1234567 > f`)
	replaced := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < 200 && err == nil; i++ {
			if err = os.WriteFile(m.path("new"), []byte("1234567\n"), 0o644); err == nil {
				err = os.Rename(m.path("new"), m.path("f"))
			}
		}
		replaced <- err
	}()
	for n := 0; ; n++ {
		if got, err := os.ReadFile(m.path("f")); err != nil || string(got) != "1234567\n" {
			t.Errorf("read %d: %q, %v", n, got, err)
		}
		select {
		case err := <-replaced:
			if err != nil {
				t.Fatal(err)
			}
			m.eventually("nothing is left", func() bool { return len(m.keys()) == 1 })
			return
		default:
		}
	}
}

// What nobody has open is simply removed, also right after it was closed.
func TestRemovingCostsOneDelete(t *testing.T) {
	m := mount(t, settings{})
	for range 50 {
		m.set("f", "x")
		n := m.requests(func() { m.sh(`cat f; rm f`) })
		if n[s3op.CopyObject] > 0 || n[s3op.DeleteObject] != 1 {
			t.Fatalf("%v", n)
		}
	}
}

// The mount ends while a program reads a removed file.
func TestNothingIsLeftOfRemovedFilesAtTheEnd(t *testing.T) {
	m := mount(t, settings{})
	m.set("f", "content")
	f := m.openFile("f", os.O_RDONLY)
	m.sh(`rm f`)
	if len(m.keys()) != 1 {
		t.Errorf("keys %v", m.keys())
	}
	m.wantAll(f, "content")
	m.call("Close", None{}, &None{})
	if len(m.keys()) != 0 {
		t.Errorf("keys %v", m.keys())
	}
	m.close(f)
}

// Where the bytes cannot be put aside the removal goes on, and the log tells.
func TestWhatCannotBePutAside(t *testing.T) {
	m := mount(t, settings{})
	m.set("f", "content")
	f := m.openFile("f", os.O_RDONLY)
	m.call("Fail", s3op.CopyObject, &None{})
	m.sh(`rm f`)
	if _, err := f.ReadAt(make([]byte, 5), 0); !errors.Is(err, syscall.ESTALE) {
		t.Errorf("%v, want ESTALE", err)
	}
	m.call("Fail", "", &None{})
	if log := m.log(); !strings.Contains(log, "removed file open cannot read it any more") {
		t.Error(log)
	}
	m.close(f)
}

// Archived and locked objects give an errno at once, and the log the reason.
func TestArchivedAndLockedObjects(t *testing.T) {
	m := mount(t, settings{Engine: small})
	m.set("cold", letters(3000))
	m.call("Archive", "cold", &None{})
	m.set("kept", "content")
	m.call("Lock", "kept", &None{})
	m.set("x", "x")
	for script, want := range map[string]string{
		`cat cold`: "Permission denied", `dd if=x of=cold conv=notrunc oflag=append`: "Permission denied", `mv cold warm`: "Permission denied", `cp cold warm`: "Permission denied",
		`rm -f kept`: "Operation not permitted", `cp x kept`: "Operation not permitted", `mv -f x kept`: "Operation not permitted",
	} {
		if out, err := m.try(script); err == nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v %s", script, err, out)
		}
	}
	m.expect("kept", "content")
	m.sh(`test $(stat -c %s cold) = 3000; cat kept; cat x; rm cold`)
	for _, reason := range []string{"InvalidObjectState", "restore the object", "protected by object lock"} {
		if log := m.log(); !strings.Contains(log, reason) {
			t.Errorf("no %q in\n%s", reason, log)
		}
	}
}
