package fs_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/s3mpfs/s3mpfs/fs"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
	"github.com/s3mpfs/s3mpfs/writer"
)

// long is a quiet time that no test waits for.
var long = fs.Options{QuietTime: time.Hour}

func (m *mounted) stat(name string) (s unix.Stat_t) {
	m.Helper()
	if err := unix.Lstat(m.path(name), &s); err != nil {
		m.Fatal(err)
	}
	return s
}

// Objects as s3fs 1.90 makes them, and rclone 1.60 with --metadata.
func (m *mounted) theirs() {
	m.setWith("s3fs", "x", writer.Attributes{Metadata: map[string]string{
		"mtime": "1000000000.000000005", "mode": "33256", "uid": "12", "gid": "34", "ctime": "1.0", "atime": "2.0"}})
	m.setWith("s3fs-link", "s3fs", writer.Attributes{Metadata: map[string]string{"mode": "41471", "uid": "12", "gid": "34"}})
	m.setWith("rclone", "x", writer.Attributes{Metadata: map[string]string{
		"mtime": "1000000000.25", "mode": "100640", "uid": "12", "gid": "34", "btime": "2001-09-09T01:46:40Z"}})
	m.setWith("nonsense", "x", writer.Attributes{Metadata: map[string]string{"mtime": "soon", "mode": "rw-", "uid": "-1"}})
	m.setWith("d/", "", writer.Attributes{ContentType: "application/x-directory", Metadata: map[string]string{"mode": "16832", "mtime": "1000000000"}})
	m.set("d/f", "x")
}

func TestAttributesOfOtherTools(t *testing.T) {
	for name, silent := range map[string]bool{"asked for": false, "of a store whose listings are silent": true} {
		t.Run(name, func(t *testing.T) {
			m := mount(t, settings{Options: fs.Options{ForeignAttributes: !silent}, Silent: silent})
			m.theirs()
			for _, look := range []string{"stat", "ls -l"} {
				if look == "ls -l" {
					m.sh(`ls -l . d`)
				}
				if s := m.stat("s3fs"); s.Mode != 0o100750 || s.Uid != 12 || s.Gid != 34 || s.Mtim != (unix.Timespec{Sec: 1e9, Nsec: 5}) {
					t.Errorf("%s: s3fs: %+v", look, s)
				}
				if s := m.stat("rclone"); s.Mode != 0o100640 || s.Uid != 12 || s.Mtim != (unix.Timespec{Sec: 1e9, Nsec: 25e7}) {
					t.Errorf("%s: rclone: %+v", look, s)
				}
				if s := m.stat("nonsense"); s.Mode != 0o100644 || s.Uid != 0 || s.Mtim.Sec < 1.5e9 {
					t.Errorf("%s: nonsense: %+v", look, s)
				}
				if s := m.stat("d"); s.Mode != 0o040700 || s.Mtim.Sec != 1e9 {
					t.Errorf("%s: the folder: %+v", look, s)
				}
				if target, err := os.Readlink(m.path("s3fs-link")); err != nil || target != "s3fs" {
					t.Errorf("%s: link to %q, %v", look, target, err)
				}
				m.remount(settings{Options: fs.Options{ForeignAttributes: !silent}})
			}
		})
	}
}

// Without the option ls and stat agree, too: on S3's time.
func TestAttributesOfOtherToolsNotAskedFor(t *testing.T) {
	m := mount(t, settings{})
	m.theirs()
	n := m.requests(func() {
		m.sh(`ls -lR > /dev/null`)
		for _, name := range []string{"s3fs", "rclone", "s3fs-link"} {
			if s := m.stat(name); s.Mode != 0o100644 || s.Mtim.Sec < 1.5e9 {
				t.Errorf("%s: %+v", name, s)
			}
		}
	})
	if n[s3op.HeadObject] > 0 {
		t.Errorf("requests: %v", n)
	}
	m.remount(settings{})
	for _, name := range []string{"s3fs", "rclone", "s3fs-link"} { // by a HEAD
		if s := m.stat(name); s.Mode != 0o100644 || s.Mtim.Sec < 1.5e9 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	m.sh(`mv rclone moved`)
	if got := m.head("moved").Attributes.Metadata; got["mtime"] != "1000000000.25" || got["mode"] != "100640" {
		t.Errorf("a rename left %v", got)
	}
	m.sh(`echo more >> s3fs`)
	if got := m.head("s3fs").Attributes.Metadata; got["mtime"] != "" || got["mode"] != "33256" {
		t.Errorf("a change left %v", got)
	}
}

// A hundred thousand names that other tools wrote, at a LIST for each thousand.
func TestManyNamesOfOtherTools(t *testing.T) {
	const names = manyNames
	m := mount(t, settings{Objects: names})
	n := m.requests(func() {
		if lines := strings.Count(m.sh(`ls -lR`), "\n"); lines < names {
			t.Errorf("%d lines", lines)
		}
	})
	if n[s3op.HeadObject] > 0 || n[s3op.ListObjectsV2] > names/1000+10 {
		t.Errorf("requests: %v", n)
	}
}

// Whoever replaces or removes an object keeps it so, and the loss is told.
func TestLateAttributesNeverOverwrite(t *testing.T) {
	m := mount(t, settings{Options: long})
	for name, change := range map[string]func(string){
		"replaced": func(key string) { m.set(key, "theirs") },
		"removed":  func(key string) { m.call("Remove", key, &None{}) },
	} {
		for _, how := range []string{"fsync", "umount"} {
			name := name + how
			m.sh(`echo ours > ` + name + `; touch -d @1 ` + name)
			change(name)
			if _, err := m.try(`sync ` + name); how == "fsync" && err == nil && strings.HasPrefix(name, "replaced") {
				t.Errorf("%s: fsync succeeds", name)
			}
		}
	}
	var failed []string
	m.call("Finalise", None{}, &failed)
	slices.Sort(failed)
	if !slices.Equal(failed, []string{"/replacedfsync", "/replacedumount"}) {
		t.Errorf("failures: %q", failed)
	}
	if keys := m.keys(); !slices.Equal(keys, []string{"replacedfsync", "replacedumount"}) {
		t.Errorf("objects: %q", keys)
	}
	m.expect("replacedumount", "theirs")
	if !strings.Contains(m.log(), "are lost") {
		t.Error("the log says nothing")
	}
}

// An object larger than one copy takes keeps everything else in an upload.
func TestLateAttributesOfALargeObject(t *testing.T) {
	m := mount(t, settings{Options: long, Engine: small})
	content := strings.Repeat("x", 5000)
	m.setWith("f", content, everything)
	n := m.requests(func() { m.sh(`chmod 600 f; sync f; stat -c %a f`) })
	if n[s3op.CopyObject] != 0 || n[s3op.CreateMultipartUpload] != 1 || n[s3op.UploadPart]+n[s3op.GetObject] > 0 {
		t.Errorf("requests: %v", n)
	}
	m.expect("f", content)
	got := m.head("f").Attributes
	if got.Metadata["mode"] != "33152" || got.Metadata["a"] != "1" || got.CacheControl != "no-store" || got.ContentType != "text/x-test" {
		t.Errorf("attributes: %+v", got)
	}
	var tags map[string]string
	if m.call("Tags", "f", &tags); tags["project"] != "x" {
		t.Errorf("tags: %v", tags)
	}
}

// What is set while the file is open, between and after publishing, is there in
// the end, and a time that a write made wrong is not.
func TestAttributesAroundWrites(t *testing.T) {
	m := mount(t, settings{Options: long})
	for script, want := range map[string]string{
		`exec 3> f; chmod 600 f; echo x >&3; sync f; touch -d @1000000000 f; sync f; exec 3>&-`:              "33152 1000000000.000000000",
		`exec 3> f; touch -d @1000000000 f; echo x >&3; exec 3>&-; sync f`:                                   "33152 ",
		`exec 3>> f; touch -d @1000000000 f; exec 3>&-; sync f`:                                              "33152 1000000000.000000000",
		`exec 3>> f; echo x >&3; touch -d @1000000000 f; exec 3>&-; sync f`:                                  "33152 1000000000.000000000",
		`touch -d @1000000001 f; mv f g; mv g f; sync f`:                                                     "33152 1000000001.000000000",
		`touch -d @1000000002 f; mkdir d; mv f d/; mv -T d e; mv e/f f; rmdir e; sync f`:                     "33152 1000000002.000000000",
		`touch -d @1000000003 f; rm f; echo x > f; chmod 600 f; sync f`:                                      "33152 ",
		`echo y >> f; touch -d @1000000004 f; truncate -s 1 f; sync f`:                                       "33152 ",
		`chmod 640 f; > f; touch -d @1000000005 f; sync f; chmod 600 f; cp f h; mv h f; chmod 600 f; sync f`: "33152 ",
	} {
		m.sh(`echo x > f; chmod 600 f; ` + script)
		got := m.head("f").Attributes.Metadata
		if text := got["mode"] + " " + got["mtime"]; text != want {
			t.Errorf("%s: %q, want %q", script, text, want)
		}
		if s := m.stat("f"); s.Mode != 0o100600 {
			t.Errorf("%s: mode %o", script, s.Mode)
		}
		m.sh(`rm f`)
	}
}

// ls and stat show one time, be it a listing that told of the object, in
// thousandths of a second, or a HEAD, in whole seconds.
func TestOneTimeWhoeverTellsIt(t *testing.T) {
	m := mount(t, settings{})
	for i := range 5 {
		m.set(fmt.Sprint("d/", i), "")
		m.set(fmt.Sprint("sub", i, "/"), "")
	}
	stat := m.sh(`stat -c '%n %.9Y' d/* sub*`)
	m.remount(settings{})
	m.sh(`stat d/0 d/1 sub0`)
	if ls := m.sh(`ls -l . d > /dev/null; stat -c '%n %.9Y' d/* sub*`); ls != stat {
		t.Errorf("stat shows\n%sand ls\n%s", stat, ls)
	}
}

// A failure to store attributes is told, and the file shows what S3 has.
func TestLateAttributesFail(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{QuietTime: time.Millisecond}})
	m.sh(`echo x > f`)
	m.call("Fail", s3op.CopyObject, &None{})
	m.sh(`chmod 600 f`)
	m.eventually("it is given up", func() bool { return strings.Contains(m.log(), "are lost") })
	m.call("Fail", "", &None{})
	m.eventually("the mode is S3's", func() bool { s := m.stat("f"); return s.Mode == 0o100644 })
	var failed []string
	if m.call("Finalise", None{}, &failed); !slices.Equal(failed, []string{"/f"}) {
		t.Errorf("failures: %q", failed)
	}
}

// Attributes of directories are found again from the root, and cost those that
// have none nothing.
func TestDirectoryAttributes(t *testing.T) {
	m := mount(t, settings{Options: long})
	m.set("theirs/a/b/f", "x")
	m.sh(`mkdir -p a/b/c plain/e; chmod 700 a/b/c; touch -d @1000000000 a/b/c`)
	m.remount(settings{Options: long})
	n := m.requests(func() {
		if s := m.stat("a/b/c"); s.Mode != 0o040700 || s.Mtim.Sec != 1e9 {
			t.Errorf("%+v", s)
		}
	})
	if n[s3op.PutObject] > 0 {
		t.Errorf("looking cost %v", n)
	}
	m.remount(settings{Options: long})
	if got := m.sh(`ls -lR a > /dev/null; stat -c '%a %Y' a/b/c`); got != "700 1000000000\n" {
		t.Errorf("after ls -lR: %s", got)
	}
	n = m.requests(func() { m.sh(`ls -lR theirs plain > /dev/null`) })
	if n[s3op.HeadObject] > 2 || n[s3op.ListObjectsV2] > 8 {
		t.Errorf("directories without attributes cost %v", n)
	}
	m.sh(`rm -r a`)
	if keys := m.keys(); slices.ContainsFunc(keys, func(key string) bool { return strings.HasPrefix(key, "a/") }) {
		t.Errorf("objects: %q", keys)
	}
	m.sh(`mkdir d; chmod 700 d; rmdir d`)
	m.set("gone/", "")
	m.sh(`chmod 700 gone`)
	m.call("Remove", "gone/", &None{})
	m.remount(settings{})
	for _, key := range []string{"d/", "gone/"} {
		if slices.Contains(m.keys(), key) {
			t.Errorf("%s came back", key)
		}
	}
}

func TestLinksAndDevices(t *testing.T) {
	m := mount(t, settings{})
	m.sh(`echo x > f; ln -s f l; [ "$(cat l)" = x ]; [ "$(readlink l)" = f ]; chmod 600 l; [ "$(stat -c %a f)" = 600 ]; mv l m; [ -L m ]; ln -s /nowhere n; rm n`)
	for what, c := range map[string]struct{ got, want error }{
		"hard link":     {os.Link(m.path("f"), m.path("h")), syscall.EPERM},
		"device":        {unix.Mknod(m.path("dev"), unix.S_IFCHR|0o600, 259), syscall.EPERM},
		"fifo":          {unix.Mkfifo(m.path("fifo"), 0o600), syscall.EPERM},
		"existing name": {os.Symlink("x", m.path("f")), syscall.EEXIST},
		"long target":   {os.Symlink(strings.Repeat("x/", 3000), m.path("long")), syscall.ENAMETOOLONG},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v, want %v", what, c.got, c.want)
		}
	}
	m.remount(settings{})
	m.sh(`[ "$(readlink m)" = f ]; find . -type l | grep -q m; rm m; ln -s "$(printf '%04000d' 0)" m; [ "$(readlink m | wc -c)" = 4001 ]`)
	m.remount(settings{Options: fs.Options{Preserve: fs.PreserveNone}})
	if s := m.stat("m"); s.Mode&unix.S_IFMT != unix.S_IFREG {
		t.Errorf("without attributes a link is %o", s.Mode)
	}
}

// The mode of an inode is the same before and after the kernel forgets it.
func TestModesAreStable(t *testing.T) {
	for _, preserve := range []fs.Preserve{fs.PreserveAll, fs.PreserveTimes, fs.PreserveNone} {
		o := fs.Options{Preserve: preserve, FileMode: 0o640, DirMode: 0o750, UID: 7, GID: 8}
		m := mount(t, settings{Options: o})
		m.sh(`umask 027; echo x > a; mkdir b; umask 077; echo x > c; mkdir d; umask 0; echo x > e; mkdir f`)
		before := m.sh(`stat -c '%n %a %u %g' *`)
		m.remount(settings{Options: o})
		if after := m.sh(`stat -c '%n %a %u %g' *`); after != before {
			t.Errorf("%v: before\n%safter\n%s", preserve, before, after)
		}
		for i, line := range strings.Split(strings.TrimSpace(before), "\n") {
			want := []string{"640 7 8", "750 7 8", "600 7 8", "700 7 8", "666 7 8", "777 7 8"}[i]
			if preserve != fs.PreserveAll {
				want = []string{"640 7 8", "750 7 8"}[i%2]
			}
			if !strings.HasSuffix(line, want) {
				t.Errorf("%v: %s, want %s", preserve, line, want)
			}
		}
		if got := m.head("a").Attributes.Metadata; len(got) > 0 {
			t.Errorf("%v: a file as all others has %v", preserve, got)
		}
	}
}

// Somebody else's chmod is seen, though the bytes and the ETag are the same.
func TestAttributesChangedElsewhere(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{MetadataTTL: -1}})
	m.sh(`echo x > f; chmod 600 f; sync f; ls -l f`)
	o := m.head("f")
	o.Attributes.Metadata["mode"] = fmt.Sprint(0o100755)
	m.call("SetAttributes", SetArgs{Key: "f", Attributes: o.Attributes}, &None{})
	for _, script := range []string{`stat -c %a f`, `ls -l | grep -q rwxr-xr-x; stat -c %a f`} {
		if got := m.sh(script); got != "755\n" {
			t.Errorf("%s: %s", script, got)
		}
	}
}

// So is that of a directory whose marker this mount has put.
func TestDirectoryChangedElsewhere(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{MetadataTTL: time.Millisecond, QuietTime: time.Millisecond}})
	m.sh(`mkdir -m 700 made`)
	m.set("theirs/", "")
	m.sh(`ls -l theirs; chmod 700 theirs; for i in 1 2 3; do echo > theirs/$i; test $(stat -c %a theirs) = 700; done`)
	for _, name := range []string{"made", "theirs"} {
		m.eventually("the mode is stored", func() bool { return m.head(name + "/").Attributes.Metadata["mode"] == "16832" })
		m.sh(`test $(stat -c %a ` + name + `) = 700`)
		o := m.head(name + "/")
		o.Attributes.Metadata["mode"] = "16841"
		m.call("SetAttributes", SetArgs{Key: name + "/", Attributes: o.Attributes}, &None{})
		m.eventually("the new mode is seen", func() bool { return m.sh(`stat -c %a `+name) == "711\n" })
	}
}
