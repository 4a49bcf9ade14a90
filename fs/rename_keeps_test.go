package fs_test

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/s3mpfs/s3mpfs/internal/s3op"
	"github.com/s3mpfs/s3mpfs/writer"
)

// small are limits under which a few kilobytes are what gigabytes are to S3.
var small = writer.Options{
	PartSize: 512, BlockSize: 64, Memory: 4096, MaxHole: 3000,
	Limits: writer.Limits{MaxParts: 40, MinPart: 128, MaxPart: 2048, MaxCopy: 1024, MinCopySource: 128, MaxObject: 16_000},
}

// everything is all that S3 keeps with an object.
var everything = writer.Attributes{
	ContentType: "text/x-test", Metadata: map[string]string{"a": "1"}, CacheControl: "no-store",
	ContentDisposition: "inline", ContentEncoding: "br", ContentLanguage: "fr", Expires: time.Unix(2e9, 0).UTC(),
	WebsiteRedirect: "/x", StorageClass: "STANDARD_IA", Encryption: writer.Encryption{Algorithm: "aws:kms", KeyID: "key"},
	Tags: map[string]string{"project": "x"},
}

func (m *mounted) wantEverything(key string) {
	m.Helper()
	var tags map[string]string
	m.call("Tags", key, &tags)
	got := m.head(key).Attributes
	got.Tags = tags
	if !reflect.DeepEqual(got, everything) {
		m.Errorf("%s has\n%+v, want\n%+v", key, got, everything)
	}
}

// A rename changes nothing but the name, be the copy of one request or of
// parts; an append changes nothing but the content.
func TestRenameKeepsEverything(t *testing.T) {
	m := mount(t, settings{Engine: small})
	for name, size := range map[string]int{"one": 1000, "parts": 5000} {
		m.setWith(name, strings.Repeat("x", size), everything)
		n := m.requests(func() { m.sh(`mv ` + name + ` moved`) })
		m.wantEverything("moved")
		if size > int(small.Limits.MaxCopy) != (n[s3op.UploadPartCopy] > 0) || n[s3op.CopyObject]+n[s3op.UploadPartCopy] < size/1024 || n[s3op.PutObject]+n[s3op.UploadPart]+n[s3op.GetObject] > 0 {
			t.Errorf("renaming %d bytes cost %v", size, n)
		}
		m.sh(`mkdir d e; mv moved d; mv -T d e`)
		m.wantEverything("e/moved")
		m.sh(`echo more >> e/moved`)
		m.wantEverything("e/moved")
		m.expect("e/moved", strings.Repeat("x", size)+"more\n")
		m.sh(`rm -r e`)
	}
	if keys := m.keys(); len(keys) != 0 {
		t.Errorf("left: %v", keys)
	}
}

// What replaces a file with `>` is a new file.
func TestReplacingKeepsNothing(t *testing.T) {
	m := mount(t, settings{})
	m.setWith("f", "old", everything)
	m.sh(`echo new > f`)
	got := m.head("f").Attributes
	if got.CacheControl != "" || got.StorageClass != "" || len(got.Tags) > 0 {
		t.Errorf("the new file has %+v", got)
	}
}

// Two renames that must not replace anything: one of them wins, also where
// the parts of a large copy take their time.
func TestNoReplace(t *testing.T) {
	m := mount(t, settings{Engine: small})
	for _, size := range []int{10, 5000} {
		m.set("a", strings.Repeat("a", size))
		m.sh(`ls`) // b is known not to be there
		m.set("b", "theirs")
		err := unix.Renameat2(unix.AT_FDCWD, m.path("a"), unix.AT_FDCWD, m.path("b"), unix.RENAME_NOREPLACE)
		if !errors.Is(err, syscall.EEXIST) {
			t.Errorf("%d bytes: %v, want EEXIST", size, err)
		}
		m.expect("b", "theirs")
		m.call("Remove", "b", &None{})
		m.call("Remove", "a", &None{})
	}
}

func TestRenameFlagsThatAreRefused(t *testing.T) {
	m := mount(t, settings{})
	m.set("a", "a")
	m.set("c", "c")
	for flags, want := range map[uint]syscall.Errno{unix.RENAME_EXCHANGE: syscall.EINVAL, unix.RENAME_WHITEOUT: syscall.EINVAL} {
		n := m.requests(func() {
			err := unix.Renameat2(unix.AT_FDCWD, m.path("a"), unix.AT_FDCWD, m.path("c"), flags)
			if !errors.Is(err, want) {
				t.Errorf("flags %d: %v, want %v", flags, err, want)
			}
		})
		if n[s3op.CopyObject]+n[s3op.DeleteObject]+n[s3op.PutObject] > 0 {
			t.Errorf("a refused rename cost %v", n)
		}
	}
}

// An object that is gone is ESTALE to whoever has it open, not a name that
// does not exist.
func TestCopyOfAndIntoWhatIsGone(t *testing.T) {
	m := mount(t, settings{})
	m.set("gone", strings.Repeat("x", 1000))
	m.set("there", strings.Repeat("y", 1000))
	gone, err := os.OpenFile(m.path("gone"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer gone.Close()
	there, err := os.OpenFile(m.path("there"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	m.call("Remove", "gone", &None{})
	for what, c := range map[string][2]*os.File{"from": {gone, there}, "into": {there, gone}} {
		var from, to int64
		if _, err := unix.CopyFileRange(int(c[0].Fd()), &from, int(c[1].Fd()), &to, 500, 0); err != unix.ESTALE {
			t.Errorf("%s: %v, want ESTALE", what, err)
		}
	}
	if _, err := gone.WriteAt([]byte("z"), 3); !errors.Is(err, syscall.ESTALE) {
		t.Errorf("write: %v, want ESTALE", err)
	}
}
