package fs_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/s3mpfs/s3mpfs/fs"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

func TestKeysThatCannotBeNames(t *testing.T) {
	m := mount(t, settings{})
	long := strings.Repeat("x", 256)
	for _, key := range []string{
		"good", "a//b", "a/../c", "a/./c", "a/ok", long, "dir/" + long, "dir/",
		"both", "both-x", "both/inside", "/root", "new\nline", "spaces and %+&", "ümläut",
	} {
		m.set(key, key)
	}
	if got, want := m.sh(`find . -print0 | sort -z | tr '\0' '\n'`), `.
./a
./a/ok
./both
./both-x
./both/inside
./dir
./good
./new
line
./spaces and %+&
./ümläut
`; got != want {
		t.Errorf("the tree is\n%s", got)
	}
	if got := m.sh(`cat both/inside "spaces and %+&"`); got != "both/insidespaces and %+&" {
		t.Errorf("contents: %q", got)
	}
	m.sh(`ls -l . a dir; ls both`)
	log := m.log()
	for _, key := range []string{`key=a//`, `key=a/../`, `key=both `, `key=/ `} {
		if n := strings.Count(log, key); n != 1 {
			t.Errorf("%s is logged %d times:\n%s", key, n, log)
		}
	}
}

func TestAFileAndADirectoryOfOneNameOnDifferentPages(t *testing.T) {
	m := mount(t, settings{})
	m.set("both", "")
	m.set("both/inside", "")
	for i := range 1500 {
		m.set(fmt.Sprintf("both-%04d", i), "")
	}
	out := m.sh(`ls -U | sort | uniq -d; ls -U | wc -l; stat -c %F both`)
	if out != "1501\ndirectory\n" {
		t.Errorf("got %s", out)
	}
}

// A directory with very many names is listed in a stream: each thousand of names
// costs one request, and memory stays what it is.
func TestManyNames(t *testing.T) {
	m := mount(t, settings{Objects: manyNames})
	before := m.heap()
	const most = 160 << 20 // of names and inodes, that a million would need too
	for _, script := range []string{
		`ls -f many | grep -vc '^[.]'`, `ls many | wc -l`, `ls -lR | grep -c ^-`, `find many -type f | wc -l`,
	} {
		n := m.requests(func() {
			if got := m.sh(script); got != fmt.Sprintln(manyNames) {
				t.Errorf("%s: %s", script, got)
			}
		})
		m.eventually("the kernel forgets", func() bool { return m.heap()-before < most })
		if n[s3op.ListObjectsV2] > manyNames/1000+10 || n[s3op.HeadObject] > 1 {
			t.Errorf("%s: %v", script, n)
		}
	}
}

// Neither does making very many files, under whatever names they end.
func TestManyFilesAreMade(t *testing.T) {
	m := mount(t, settings{Shown: 100})
	m.sh(`mkdir a b; for i in $(seq 300); do > a/$i; > a/.$i; mv a/.$i b/$i; ln -s x a/l$i; done; test $(ls a b | wc -l) = 903`)
	m.eventually("the kernel forgets", func() bool {
		var n int
		m.call("Nodes", None{}, &n)
		return n < 200
	})
}

// A name that is no text, as files of old have, is not there and cannot be made.
func TestNamesThatAreNoText(t *testing.T) {
	m := mount(t, settings{})
	m.set("f", "x")
	for what, c := range map[string]struct{ got, want error }{
		"stat":    {unix.Stat(m.path("caf\xe9"), &unix.Stat_t{}), syscall.ENOENT},
		"unlink":  {unix.Unlink(m.path("caf\xe9")), syscall.ENOENT},
		"mkdir":   {unix.Mkdir(m.path("caf\xe9"), 0o755), syscall.EILSEQ},
		"symlink": {unix.Symlink("x", m.path("caf\xe9")), syscall.EILSEQ},
		"rename":  {unix.Rename(m.path("f"), m.path("caf\xe9")), syscall.EILSEQ},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", what, c.got, c.want)
		}
	}
}

// readdirInPython gives Python the C library's functions that read a directory,
// as libc.
const readdirInPython = `
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
class dirent(ctypes.Structure):
    _fields_ = [("ino", ctypes.c_ulong), ("off", ctypes.c_long), ("len", ctypes.c_ushort), ("type", ctypes.c_ubyte), ("name", ctypes.c_char * 256)]
libc.opendir.restype = ctypes.c_void_p
libc.readdir.restype = ctypes.POINTER(dirent)
libc.telldir.restype = ctypes.c_long
libc.readdir.argtypes = libc.telldir.argtypes = libc.rewinddir.argtypes = [ctypes.c_void_p]
libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]
`

func TestSeekInADirectory(t *testing.T) {
	m := mount(t, settings{Objects: 3000})
	out := m.sh(`python3 -c '` + readdirInPython + `
d = libc.opendir(b"many")
names, places = [], []
while True:
    places.append(libc.telldir(d))
    e = libc.readdir(d)
    if not e: break
    names.append(e.contents.name)
for i in (2500, 3, 1001, 0):
    libc.seekdir(d, places[i])
    assert libc.readdir(d).contents.name == names[i], i
open("many/new", "w").close()
libc.rewinddir(d)
again = []
while True:
    e = libc.readdir(d)
    if not e: break
    again.append(e.contents.name)
assert sorted(again) == sorted(names + [b"new"]), len(again)
print(len(names))
'`)
	if out != "3002\n" {
		t.Errorf("got %s", out)
	}
}

func TestDirectories(t *testing.T) {
	m := mount(t, settings{})
	m.set("implicit/only", "x")
	m.set("marked/", "")
	m.sh(`mkdir -p a/b/c; rmdir a/b/c; ls marked; test -d a/b`)
	if out, err := m.try(`rmdir a`); err == nil || !strings.Contains(out, "not empty") {
		t.Errorf("rmdir of a full directory: %s", out)
	}
	if out, err := m.try(`mkdir marked`); err == nil || !strings.Contains(out, "exists") {
		t.Errorf("mkdir of what is there: %s", out)
	}
	// A directory without a marker outlives its last file.
	m.sh(`rm implicit/only; test -d implicit; ls | grep implicit; rmdir implicit; ! test -e implicit; rmdir marked; rm -r a`)
	if keys := m.keys(); len(keys) != 0 {
		t.Errorf("left: %v", keys)
	}
}

func TestOurOwnWritesAreSeenAtOnce(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{MetadataTTL: 3600e9}})
	for i := range 5 {
		m.set(fmt.Sprint("d/", i), "")
	}
	got := m.sh(`ls d; ! test -e d/new; echo x > d/new; ls d; rm d/1; ls d; mv d/2 d/two; ls d; mkdir d/sub; rmdir d/sub; ls d`)
	if strings.Join(strings.Fields(got), " ") != "0 1 2 3 4 0 1 2 3 4 new 0 2 3 4 new 0 3 4 new two 0 3 4 new two" {
		t.Errorf("got %s", got)
	}
}

func TestManySmallFilesIntoANewDirectory(t *testing.T) {
	m := mount(t, settings{})
	n := m.requests(func() {
		m.sh(`mkdir /tmp/s3mpfs.$$; cd /tmp/s3mpfs.$$; seq 2000 | split -l 1 -a 4; cd "$MNT"; cp -r /tmp/s3mpfs.$$ new; rm -r /tmp/s3mpfs.$$`)
	})
	total := 0
	for _, k := range n {
		total += k
	}
	if total > 2050 {
		t.Errorf("%d requests: %v", total, n)
	}
	if keys := m.keys(); len(keys) != 2001 {
		t.Errorf("%d keys", len(keys))
	}
}

func TestRename(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{RenameDirLimit: 10}})
	m.set("a", "A")
	m.set("b", "B")
	m.set("d/1", "one")
	m.set("d/s/2", "two")
	m.sh(`mv a b; mv d e; cat b e/1 e/s/2; ! test -e d`)
	m.expect("b", "A")
	if got := m.head("e/1").Attributes.ContentType; got != "text/x-test" {
		t.Errorf("a rename changed the content type to %s", got)
	}
	if keys := m.keys(); !slices.Equal(keys, []string{"b", "e/1", "e/s/2"}) {
		t.Errorf("keys: %v", keys)
	}
	if out, err := m.try(`mkdir full; touch full/x; mv -T e full`); err == nil || !strings.Contains(out, "not empty") {
		t.Errorf("rename over a full directory: %s", out)
	}
	m.sh(`for i in $(seq 12); do echo $i > e/n$i; done; mv e many; test $(ls many | wc -l) = 14; ! test -e e`) // mv copies
	m.sh(`echo x > f; mv -n f b; cat f; python3 -c '
import ctypes, os, errno
libc = ctypes.CDLL(None, use_errno=True)
def rename(a, b, flags):
    r = libc.renameat2(-100, a, -100, b, flags)
    return ctypes.get_errno() if r else 0
assert rename(b"f", b"b", 1) == errno.EEXIST
assert rename(b"f", b"b", 2) == errno.EINVAL
assert rename(b"f", b"fresh", 1) == 0
'`)
	m.expect("fresh", "x\n")
	m.expect("b", "A")
}

func TestRenameOfOpenFiles(t *testing.T) {
	m := mount(t, settings{})
	f, err := os.Create(m.path("tmp"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	write := func(text string) {
		t.Helper()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	write("1")
	n := m.requests(func() { m.sh(`mv tmp one`) })
	if n[s3op.CopyObject] != 0 || n[s3op.PutObject] != 0 {
		t.Errorf("renaming what has not begun costs %v", n)
	}
	write("2")
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	m.expect("one", "12")
	m.sh(`mkdir d; mv one d/two`)
	write("3")
	m.sh(`mv d e`)
	write("4")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	m.expect("e/two", "1234")
	if keys := m.keys(); !slices.Equal(keys, []string{"e/", "e/two"}) {
		t.Errorf("keys: %v", keys)
	}
}

func TestRenameOfADirectoryInUse(t *testing.T) {
	m := mount(t, settings{})
	for i := range 100 {
		m.set(fmt.Sprint("d/old", i), "x")
	}
	out := m.sh(`exec 2>&1; (cd d; for i in $(seq 200); do echo $i > f$i; done) & mv d e; mv e g; wait; ls g | wc -l; cat g/f* | sort -n | cksum; seq 200 | cksum`)
	lines := strings.Split(out, "\n")
	if lines[0] != "300" || lines[1] != lines[2] {
		t.Errorf("got %s", out)
	}
	for _, key := range m.keys() {
		if !strings.HasPrefix(key, "g/") {
			t.Errorf("left behind: %s", key)
		}
	}
}

func TestRenameOfAnEmptiedDirectory(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{MetadataTTL: -1}})
	m.set("d/only", "x")
	m.sh(`rm d/only; mv d e; test -d e; ! test -e d; rmdir e`)
}

func TestAFailedDirectoryRenameChangesNothing(t *testing.T) {
	m := mount(t, settings{})
	for i := range 20 {
		m.set(fmt.Sprint("d/", i), "x")
	}
	before := m.keys()
	m.call("Fail", s3op.CopyObject, &None{})
	if out, err := m.try(`mv d e`); err == nil {
		t.Errorf("mv succeeded: %s", out)
	}
	m.call("Fail", "", &None{})
	if after := m.keys(); !slices.Equal(before, after) {
		t.Errorf("keys: %v", after)
	}
	m.sh(`mv d e; test $(ls e | wc -l) = 20`)
}

func TestWhatOthersChange(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{MetadataTTL: -1}})
	m.set("f", strings.Repeat("a", 1<<20))
	f, err := os.Open(m.path("f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, 10)
	if _, err := f.ReadAt(p, 0); err != nil || string(p) != "aaaaaaaaaa" {
		t.Fatal(err, string(p))
	}
	m.set("f", strings.Repeat("b", 1<<20))
	if got := m.sh(`head -c 10 f`); got != "bbbbbbbbbb" {
		t.Errorf("the next open reads %q", got)
	}
	if n, err := f.ReadAt(p, 900_000); err == nil {
		t.Errorf("the old descriptor reads %q of the new object", p[:n])
	}
	m.call("Remove", "f", &None{})
	m.sh(`! test -e f; ! ls f`)
	m.set("f", "again")
	if got := m.sh(`cat f`); got != "again" {
		t.Errorf("got %q", got)
	}
}

func TestRepeatedReadsComeFromThePageCache(t *testing.T) {
	m := mount(t, settings{})
	m.set("f", strings.Repeat("a", 3<<20))
	m.sh(`cksum f`)
	if n := m.requests(func() { m.sh(`cksum f`) }); n[s3op.GetObject] != 0 {
		t.Errorf("a second read costs %v", n)
	}
}

func TestCopyWithinTheMount(t *testing.T) {
	m := mount(t, settings{})
	m.sh(`head -c 20M /dev/urandom > a`)
	n := m.requests(func() { m.sh(`cp a b`) })
	m.sh(`cmp a b`)
	if size := m.head("b").Size; size != 20<<20 {
		t.Errorf("the copy has %d bytes", size)
	}
	if n[s3op.UploadPart] != 0 || n[s3op.PutObject] != 0 {
		t.Errorf("bytes passed through this machine: %v", n)
	}
}

func TestTheSourceOfACopyChangesBeforeTheCopyIsClosed(t *testing.T) {
	m := mount(t, settings{})
	for _, change := range []string{
		`os.rename("a", "x")`, `os.unlink("a")`, `open("a", "w").close()`, `os.rename("other", "a")`,
		`f = os.open("a", os.O_WRONLY); os.write(f, b"changed"); os.close(f)`,
		`os.mkdir("d"); os.rename("a", "d/a"); os.rename("d", "e")`,
	} {
		m.sh(`head -c 12M /dev/urandom | tee a > copy; echo x > other; python3 -c '
import os
a = os.open("a", os.O_RDONLY)
b = os.open("b", os.O_WRONLY | os.O_CREAT)
assert os.copy_file_range(a, b, 12 << 20, 0, 0) == 12 << 20
` + change + `
os.close(b)
'; cmp b copy; rm -r *`)
	}
}

func TestSpecialFilesAreRefused(t *testing.T) {
	m := mount(t, settings{})
	m.sh(`touch f; python3 -c '
import errno, os
def refused(want, call, *args):
    try: call(*args)
    except OSError as e: assert e.errno == want, e
    else: assert False, call
refused(errno.EPERM, os.link, "f", "g")
refused(errno.EPERM, os.symlink, "f", "g")
refused(errno.EPERM, os.mkfifo, "g")
refused(errno.ENODATA, os.getxattr, "f", "user.x")
refused(errno.EOPNOTSUPP, os.setxattr, "f", "user.x", b"y")
refused(errno.ENAMETOOLONG, os.mkdir, "x" * 256)
f = os.open("f", os.O_RDWR)
os.write(f, b"12345")
assert os.lseek(f, 2, os.SEEK_DATA) == 2 and os.lseek(f, 2, os.SEEK_HOLE) == 5
refused(errno.ENXIO, os.lseek, f, 5, os.SEEK_DATA)
os.fsync(os.open(".", os.O_RDONLY))
os.chmod("f", 0o600); os.utime("f", (1, 2)); os.chown("f", 3, 4)
s = os.stat("f")
assert (s.st_mode & 0o777, s.st_mtime, s.st_uid, s.st_gid, s.st_blksize) == (0o600, 2, 3, 4, 1 << 20), s
assert os.listxattr("f") == []
v = os.statvfs("."); assert v.f_bavail * v.f_frsize >= 1 << 50
'; df -h . | grep s3mpfs`)
}
