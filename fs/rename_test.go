package fs_test

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/s3mpfs/s3mpfs/fs"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
	"github.com/s3mpfs/s3mpfs/writer"
)

// A rename over a file that fails must leave that file as it was, for what is
// written to it later too.
func TestAFailedRenameLeavesTheTargetAlone(t *testing.T) {
	for _, op := range []string{s3op.CopyObject, s3op.DeleteObject} {
		m := mount(t, settings{})
		m.sh("echo source > a; echo target > b")
		m.call("Fail", op, &None{})
		if out, err := m.try("mv -f a b"); err == nil {
			t.Errorf("%s: mv reports success: %s", op, out)
		}
		m.expect("a", "source\n")
		m.sh("echo new > b")
		m.expect("b", "new\n")
		m.sh("echo more >> b")
		m.expect("b", "new\nmore\n")
	}
}

// The content type follows from the name that a file has in the end.
func TestRenameChangesTheContentType(t *testing.T) {
	m := mount(t, settings{})
	m.sh(`echo x > t.tmp; mv t.tmp t.html
		exec 3> u.tmp; echo x >&3; mv u.tmp u.mp4; exec 3>&-
		echo x > v.mp4; mv v.mp4 v.json; echo y >> v.json`)
	for key, want := range map[string]string{"t.html": "text/html", "u.mp4": "video/mp4", "v.json": "application/json"} {
		if got := m.head(key).Attributes.ContentType; got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
}

// A file that was opened because there was none, and not to replace one, does
// not replace what another machine has put there meanwhile.
func TestANewFileDoesNotReplaceAnothersObject(t *testing.T) {
	m := mount(t, settings{})
	for _, content := range []string{"", "ours"} {
		name := "file" + content
		f, err := os.OpenFile(m.path(name), os.O_WRONLY|os.O_CREATE, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		m.set(name, "theirs")
		if _, err := f.WriteString(content); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); !errors.Is(err, syscall.ESTALE) {
			t.Errorf("close after writing %q: %v, want ESTALE", content, err)
		}
		m.expect(name, "theirs")
	}
	var uploads []string
	m.call("Uploads", None{}, &uploads)
	if len(uploads) != 1 || uploads[0] != "fileours" {
		t.Errorf("parked: %v, want what was written", uploads)
	}
	m.call("AbortAll", None{}, &None{})
}

func TestARefusedTruncateLeavesNothingBehind(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{MetadataTTL: -1}, Engine: writer.Options{MaxHole: 1000}})
	m.set("f", "one")
	if out, err := m.try("truncate -s 5000 f"); err == nil {
		t.Errorf("truncate reports success: %s", out)
	}
	m.set("f", "another")
	if got := m.sh("cat f"); got != "another" {
		t.Errorf("read %q", got)
	}
}
