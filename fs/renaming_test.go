package fs_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/s3mpfs/s3mpfs/fs"
	"github.com/s3mpfs/s3mpfs/internal/s3fake"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// objects gives the contents of all objects under a prefix, by the rest of
// their keys.
func (m *mounted) objects(prefix string) map[string]string {
	m.Helper()
	all := map[string]string{}
	for _, key := range m.keys() {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			all[rest] = m.get(key)
		}
	}
	return all
}

// Whatever single request fails, or succeeds without an answer: either nothing
// has changed or the same rename, tried again, ends as it should; and no
// content is ever gone.
func TestEveryRequestOfADirectoryRenameFailsOnce(t *testing.T) {
	want := map[string]string{"": "", "1": "one", "s/": "", "s/2": "two", "s/3": "three"}
	for _, bucket := range []string{"general", "directory"} {
		for _, fault := range []string{"FailNth", "LoseNth"} {
			t.Run(bucket+"/"+fault, func(t *testing.T) {
				m := mount(t, settings{Options: fs.Options{MetadataTTL: -1}, Directory: bucket == "directory"})
				for n := 1; ; n++ {
					for name, content := range want {
						m.set("d/"+name, content)
					}
					requests := m.requests(func() {
						m.call(fault, n, &None{})
						m.moveTwice(n, want)
						m.call("Let", None{}, &None{})
					})
					if got := m.objects("e/"); !maps.Equal(got, want) || len(m.objects("d/")) > 0 {
						t.Errorf("request %d: %v", n, m.keys())
					}
					m.sh(`rm -r e`)
					total := 0
					for _, k := range requests {
						total += k
					}
					if n > total {
						break
					}
				}
			})
		}
	}
}

// moveTwice renames d to e, again if it fails, and verifies that nothing is
// lost in between.
func (m *mounted) moveTwice(n int, want map[string]string) {
	m.Helper()
	if _, err := m.try(`mv -T d e`); err == nil {
		return
	}
	all := m.objects("e/")
	maps.Copy(all, m.objects("d/"))
	if !maps.Equal(all, want) {
		m.Errorf("request %d failed and left %v", n, m.keys())
	}
	if m.sh(`ls -d d* || :`) != "" {
		if out, err := m.try(`mv -T d e`); err != nil {
			m.Fatalf("request %d: the second try fails: %s%v\n%s", n, out, m.keys(), m.log())
		}
	}
}

// What the rename of a directory costs: a HEAD, a copy and a delete for each
// object, and a listing of both sides.
func TestRequestsOfADirectoryRename(t *testing.T) {
	m := mount(t, settings{})
	for i := range 100 {
		m.set(fmt.Sprint("d/", i), "x")
	}
	m.sh(`ls d`)
	n := m.requests(func() { m.sh(`mv -T d e`) })
	want := map[string]int{s3op.CopyObject: 100, s3op.HeadObject: 100, s3op.DeleteObject: 101, s3op.PutObject: 1, s3op.ListObjectsV2: 4}
	if n[s3op.ListObjectsV2] -= 1; n[s3op.HeadObject] <= 101 { // the lookup of e
		n[s3op.HeadObject] = 100
	}
	if !maps.Equal(n, want) {
		t.Errorf("%v, want %v", n, want)
	}
}

// A directory bucket renames objects by itself.
func TestRenameInADirectoryBucket(t *testing.T) {
	m := mount(t, settings{Directory: true})
	m.setWith("f", "content", everything)
	for i := range 20 {
		m.set(fmt.Sprint("d/", i), fmt.Sprint(i))
	}
	n := m.requests(func() { m.sh(`mv f g; mv -T d e; cat e/7`) })
	if n[s3op.RenameObject] != 21 || n[s3op.CopyObject] != 0 {
		t.Errorf("%v", n)
	}
	m.wantEverything("g")
	m.sh(`test $(ls e | wc -l) = 20; ! test -e d`)
	m.set("theirs", "x")
	if err := unix.Renameat2(unix.AT_FDCWD, m.path("g"), unix.AT_FDCWD, m.path("theirs"), unix.RENAME_NOREPLACE); err != unix.EEXIST {
		t.Errorf("%v, want EEXIST", err)
	}
	f, err := os.OpenFile(m.path("g"), os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, " and")
	m.sh(`mv g h`)
	fmt.Fprint(f, " more")
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	m.expect("h", "content and more")
}

// What is pending of a file that is renamed in one step is stored afterwards.
func TestAttributesFollowARenameInADirectoryBucket(t *testing.T) {
	m := mount(t, settings{Directory: true, Options: long})
	n := m.requests(func() {
		m.sh(`umask 022; echo x > f.txt; touch -d @1000000000 f.txt; mv f.txt g.html; chmod 600 g.html; mv g.html h.json; sync h.json`)
	})
	if n[s3op.RenameObject] != 2 || n[s3op.CopyObject] != 1 {
		t.Errorf("%v", n)
	}
	got := m.head("h.json").Attributes
	if got.ContentType != "text/plain" || got.Metadata["mtime"] != "1000000000.000000000" || got.Metadata["mode"] != "33152" {
		t.Errorf("%+v", got)
	}
}

// What others write into a directory while it is renamed is moved too.
func TestOthersChangeADirectoryWhileItIsRenamed(t *testing.T) {
	m := mount(t, settings{})
	for i := range 40 {
		m.set(fmt.Sprint("d/", i), "old")
	}
	m.call("Hold", s3op.CopyObject, &None{})
	moved := make(chan error)
	go func() { moved <- os.Rename(m.path("d"), m.path("e")) }()
	m.eventually("copying begins", func() bool {
		var counts s3fake.Counts
		m.call("Counts", None{}, &counts)
		return counts.Requests[s3op.CopyObject] > 0
	})
	var renames []fs.Rename
	m.call("Renames", None{}, &renames)
	if len(renames) != 1 || renames[0].From != "/d/" || renames[0].To != "/e/" || renames[0].Objects != 40 || renames[0].Deleted != 0 {
		t.Errorf("status %+v", renames)
	}
	m.set("d/39", "changed")
	m.set("d/new", "new")
	m.call("Let", None{}, &None{})
	if err := <-moved; err != nil {
		t.Fatal(err)
	}
	m.expect("e/39", "changed")
	m.expect("e/new", "new")
	m.expect("e/0", "old")
	if left := m.objects("d/"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	m.call("Renames", None{}, &renames)
	if len(renames) != 0 {
		t.Errorf("status %+v", renames)
	}
}

// TestAMarkerThatStaysMarkedIsPutAgain: who renames another directory of the old
// name onto the new one does not finish what has ended.
func TestAMarkerThatStaysMarkedIsPutAgain(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{QuietTime: time.Millisecond}})
	m.sh(`mkdir d; echo x > d/x; echo y > y`)
	m.call("Reset", None{}, &None{})
	m.call("FailSecond", s3op.PutObject, &None{}) // the first one marks it
	m.sh(`mv -T d e`)
	if log := m.log(); !strings.Contains(log, "still says that it is being renamed") {
		t.Fatal(log)
	}
	m.eventually("the marker is put again", func() bool { return len(m.head("e/").Attributes.Metadata) == 0 })
	m.sh(`mkdir d; echo z > d/x`)
	if err := unix.Rename(m.path("d"), m.path("e")); err != unix.ENOTEMPTY {
		t.Errorf("another rename: %v", err)
	}
	m.sh(`test $(cat e/x) = x; test $(cat d/x) = z`)
}

// A rename whose deletes fail is finished by the same rename, though its target
// is not empty then; any other rename onto it is refused, and so is the same
// one where the target was changed meanwhile.
func TestARenameThatWasInterruptedIsFinished(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{MetadataTTL: -1}})
	for i := range 20 {
		m.set(fmt.Sprint("d/", i), "x")
	}
	m.set("other/f", "x")
	m.call("Fail", s3op.DeleteObject, &None{})
	if out, err := m.try(`mv -T d e`); err == nil {
		t.Fatal(out)
	}
	m.call("Fail", "", &None{})
	if log := m.log(); !strings.Contains(log, "mv -T finishes it") {
		t.Error(log)
	}
	if err := unix.Rename(m.path("other"), m.path("e")); err != unix.ENOTEMPTY {
		t.Errorf("another rename: %v", err)
	}
	m.set("e/3", "changed by others")
	if err := unix.Rename(m.path("d"), m.path("e")); err != unix.ENOTEMPTY {
		t.Errorf("over what was changed: %v", err)
	}
	m.expect("e/3", "changed by others")
	m.sh(`rm e/3`)
	n := m.requests(func() { m.sh(`mv -T d e`) })
	if n[s3op.CopyObject] != 1 {
		t.Errorf("finishing it cost %v", n)
	}
	if keys := m.keys(); len(keys) != 21 || slices.Contains(keys, "e/") {
		t.Errorf("keys %v", keys)
	}
	m.sh(`mkdir d; touch d/x`)
	if out, err := m.try(`mv -T d e`); err == nil {
		t.Errorf("a new directory of the old name replaced it: %s", out)
	}
}
