package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// withXattrs is a counted mount for a test that needs the tools of attr(1).
func withXattrs(t *testing.T, flags ...string) (*mount, func(map[string]int)) {
	t.Helper()
	if _, err := exec.LookPath("setfattr"); err != nil {
		t.Fatal("setfattr is not installed: scripts/test does that")
	}
	m, proxy := counted(t, flags...)
	return m, func(want map[string]int) { m.t.Helper(); m.wantWrites(proxy, want) }
}

// TestXattrsBeforeTheObject: what is set while the file is written travels with
// it.
func TestXattrsBeforeTheObject(t *testing.T) {
	t.Parallel()
	m, want := withXattrs(t)
	for size, requests := range map[string]map[string]int{"1k": {s3op.PutObject: 1}, "25M": upload(3)} {
		m.sh(`exec 3> $MNT/f; setfattr -n user.s3.content-type -v video/x-test $MNT/f
			setfattr -n user.project -v 'a film' $MNT/f; head -c $SIZE /dev/zero >&3; exec 3>&-`, "SIZE="+size)
		want(requests)
		head := m.head("f")
		if *head.ContentType != "video/x-test" || head.Metadata["project"] != "a film" {
			t.Errorf("%s: type %s, metadata %v", size, *head.ContentType, head.Metadata)
		}
	}
}

// TestXattrsLater: what is set afterwards costs one copy, which keeps what else
// there is.
func TestXattrsLater(t *testing.T) {
	t.Parallel()
	m, want := withXattrs(t)
	m.sh(`head -c 25M /dev/zero > $MNT/f.mp4; setfattr -n user.one -v 1 $MNT/f.mp4; setfattr -n user.two -v 2 $MNT/f.mp4; sync $MNT/f.mp4`)
	requests := upload(3)
	requests[s3op.CopyObject] = 1
	want(requests)
	m.sh(`setfattr -x user.one $MNT/f.mp4; setfattr -n user.s3.content-type -v video/x-test $MNT/f.mp4; mv $MNT/f.mp4 $MNT/g.mp4; sync $MNT/g.mp4`)
	want(map[string]int{s3op.CopyObject: 1, s3op.DeleteObject: 1})
	m = m.remount()
	if got := m.sh(`getfattr -d --absolute-names $MNT/g.mp4`); strings.Contains(got, "one") || !strings.Contains(got, `user.two="2"`) {
		t.Errorf("attributes:\n%s", got)
	}
	if head := m.head("g.mp4"); *head.ContentType != "video/x-test" || head.Metadata["two"] != "2" || head.Metadata["one"] != "" {
		t.Errorf("type %s, metadata %v", *head.ContentType, head.Metadata)
	}
}

// TestXattrsOfS3: what S3 tells of an object.
func TestXattrsOfS3(t *testing.T) {
	t.Parallel()
	m, _ := withXattrs(t)
	m.sh(`echo x > $MNT/f; echo x > f; touch -d @1 f; cp -p f $MNT/marked`)
	for range 2 {
		head := m.head("f")
		for name, want := range map[string]string{
			"etag": *head.ETag, "content-type": "application/octet-stream", "storage-class": "STANDARD",
			"checksum-crc64nvme": *head.ChecksumCRC64NVME,
		} {
			if got := m.sh(`getfattr --absolute-names --only-values -n user.s3.` + name + ` $MNT/f`); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if got := m.sh(`getfattr --absolute-names --only-values -n user.s3.checksum-crc32c $MNT/marked`); got != *m.head("marked").ChecksumCRC32C {
			t.Errorf("the checksum of an object with attributes is %q", got)
		}
		for _, script := range []string{
			`setfattr -n user.s3.etag -v x $MNT/f`, `setfattr -n user.mtime -v 1 $MNT/f`, `setfattr -n trusted.x -v 1 $MNT/f`,
			`getfattr -n user.none $MNT/f`, `getfattr -n user.mtime $MNT/marked`, `setfattr -x user.none $MNT/f`, `setfattr -n user.s3.content-type -v '' $MNT/f`,
			`setfattr -n user.big -v $(head -c 2000 /dev/zero | tr '\0' x) $MNT/f`,
		} {
			if code, output := m.try(script); code == 0 {
				t.Errorf("%s succeeds: %s", script, output)
			}
		}
		if got := m.sh(`getfattr -d --absolute-names $MNT/f $MNT/marked`); got != "" {
			t.Errorf("attributes nobody has set: %s", got)
		}
		m = m.remount()
	}
}

// TestXattrsOfAllKinds: names and values that S3 cannot hold come back all the
// same.
func TestXattrsOfAllKinds(t *testing.T) {
	t.Parallel()
	m, _ := withXattrs(t)
	values := map[string]string{
		"user.plain": "text", "user.Upper.Case": "x", "user.ümläut": "grüß", "user.a b": " spaces ", "user.100%": "50%",
		"user.bytes": "\x00\x01\xff\n", "user.empty": "", "user.looks": "0sYWJj", "user.xdg.origin.url": "https://example.com/?a=b&c",
	}
	if err := os.WriteFile(m.path("f"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, value := range values {
		if err := setxattr(m.path("f"), name, value); err != nil {
			t.Errorf("set %q: %v", name, err)
		}
	}
	for range 2 {
		if listed := listxattr(t, m.path("f")); len(listed) != len(values) {
			t.Errorf("listed: %q", listed)
		}
		for name, want := range values {
			if got, err := getxattr(m.path("f"), name); err != nil || got != want {
				t.Errorf("%q is %q, %v, want %q", name, got, err, want)
			}
		}
		m = m.remount()
	}
	m.sh(`cp --preserve=xattr $MNT/f $MNT/g`)
	for name, want := range values {
		if got, err := getxattr(m.path("g"), name); err != nil || got != want {
			t.Errorf("copied, %q is %q, %v, want %q", name, got, err, want)
		}
	}
}

func setxattr(path, name, value string) error {
	return unix.Setxattr(path, name, []byte(value), 0)
}

func getxattr(path, name string) (string, error) {
	value := make([]byte, 4096)
	n, err := unix.Getxattr(path, name, value)
	return string(value[:max(n, 0)]), err
}

func listxattr(t *testing.T, path string) []string {
	t.Helper()
	names := make([]byte, 64<<10)
	n, err := unix.Listxattr(path, names)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(names[:n]), "\x00"), "\x00")
}
