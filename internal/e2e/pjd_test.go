package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// pjd are the questions that pjdfstest asks of a file system, by the call that
// they are about, as far as S3 can hold the answer. What it cannot hold is in
// the table of docs/SEMANTICS.md, with what a program is told.
var pjd = []struct {
	call, says string
	test       func(m *pjdMount)
}{
	{"open", "O_CREAT makes an empty regular file", func(m *pjdMount) {
		m.ok(m.touch("f"))
		m.is("f", unix.S_IFREG, 0)
	}},
	{"open", "O_CREAT|O_EXCL of what exists is EEXIST", func(m *pjdMount) {
		m.ok(m.touch("f"))
		m.want(m.open("f", unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY), unix.EEXIST)
		m.ok(unix.Mkdir(m.at("d"), 0o755))
		m.want(m.open("d", unix.O_CREAT|unix.O_EXCL), unix.EEXIST)
	}},
	{"open", "O_TRUNC empties, whatever the access", func(m *pjdMount) {
		m.ok(m.write("f", "12345"))
		m.ok(m.open("f", unix.O_WRONLY|unix.O_TRUNC))
		m.is("f", unix.S_IFREG, 0)
	}},
	{"open", "a directory opened for writing is EISDIR", func(m *pjdMount) {
		m.ok(unix.Mkdir(m.at("d"), 0o755))
		for _, flags := range []int{unix.O_WRONLY, unix.O_RDWR, unix.O_RDONLY | unix.O_TRUNC} {
			m.want(m.open("d", flags), unix.EISDIR)
		}
	}},
	{"open", "O_DIRECTORY of a file is ENOTDIR", func(m *pjdMount) {
		m.ok(m.touch("f"))
		m.want(m.open("f", unix.O_RDONLY|unix.O_DIRECTORY), unix.ENOTDIR)
	}},
	{"open", "what does not exist is ENOENT", func(m *pjdMount) {
		m.want(m.open("nothing", unix.O_RDONLY), unix.ENOENT)
		m.want(m.open("nothing/f", unix.O_CREAT|unix.O_WRONLY), unix.ENOENT)
	}},
	{"open", "O_APPEND writes at the end, wherever others are", func(m *pjdMount) {
		m.ok(m.write("f", "123"))
		fd := m.fd("f", unix.O_WRONLY|unix.O_APPEND)
		_, err := unix.Write(fd, []byte("456"))
		m.ok(err, unix.Close(fd))
		m.holds("f", "123456")
	}},
	{"all", "a component that is a file is ENOTDIR", func(m *pjdMount) {
		m.ok(m.touch("f"))
		for _, err := range []error{
			m.open("f/x", unix.O_RDONLY), m.open("f/x", unix.O_CREAT|unix.O_WRONLY), unix.Mkdir(m.at("f/x"), 0o755), unix.Unlink(m.at("f/x")),
			unix.Rmdir(m.at("f/x")), unix.Rename(m.at("f/x"), m.at("g")), unix.Rename(m.at("f"), m.at("f/x")), unix.Truncate(m.at("f/x"), 0), unix.Chmod(m.at("f/x"), 0o600),
		} {
			m.want(err, unix.ENOTDIR)
		}
	}},
	{"all", "a name of 255 bytes is taken, one of 256 is ENAMETOOLONG", func(m *pjdMount) {
		long := strings.Repeat("x", 255)
		m.ok(m.touch(long), unix.Rename(m.at(long), m.at("f")), unix.Rename(m.at("f"), m.at(long)), unix.Unlink(m.at(long)))
		m.ok(unix.Mkdir(m.at(long), 0o755), unix.Rmdir(m.at(long)), m.touch("f"))
		for _, err := range []error{
			m.touch(long + "x"), unix.Mkdir(m.at(long+"x"), 0o755), unix.Unlink(m.at(long + "x")),
			unix.Rmdir(m.at(long + "x")), unix.Rename(m.at("f"), m.at(long+"x")), unix.Truncate(m.at(long+"x"), 0),
		} {
			m.want(err, unix.ENAMETOOLONG)
		}
	}},
	{"all", "a path of more than 4096 bytes is ENAMETOOLONG", func(m *pjdMount) {
		m.want(m.touch(strings.Repeat("x/", 2100)+"f"), unix.ENAMETOOLONG)
	}},
	{"mkdir", "makes an empty directory", func(m *pjdMount) {
		m.ok(unix.Mkdir(m.at("d"), 0o755))
		m.is("d", unix.S_IFDIR, 0)
		m.lists("d")
	}},
	{"mkdir", "of what exists is EEXIST, whatever it is", func(m *pjdMount) {
		m.ok(m.touch("f"), unix.Mkdir(m.at("d"), 0o755))
		m.want(unix.Mkdir(m.at("f"), 0o755), unix.EEXIST)
		m.want(unix.Mkdir(m.at("d"), 0o755), unix.EEXIST)
		m.want(unix.Mkdir(m.at("."), 0o755), unix.EEXIST)
	}},
	{"mkdir", "in what does not exist is ENOENT", func(m *pjdMount) {
		m.want(unix.Mkdir(m.at("nothing/d"), 0o755), unix.ENOENT)
	}},
	{"rmdir", "removes an empty directory", func(m *pjdMount) {
		m.ok(unix.Mkdir(m.at("d"), 0o755), unix.Rmdir(m.at("d")))
		m.want(m.open("d", unix.O_RDONLY), unix.ENOENT)
	}},
	{"rmdir", "of one that is not empty is ENOTEMPTY", func(m *pjdMount) {
		m.ok(unix.Mkdir(m.at("d"), 0o755), m.touch("d/f"))
		m.want(unix.Rmdir(m.at("d")), unix.ENOTEMPTY)
		m.ok(unix.Unlink(m.at("d/f")), unix.Mkdir(m.at("d/e"), 0o755))
		m.want(unix.Rmdir(m.at("d")), unix.ENOTEMPTY)
		m.ok(unix.Rmdir(m.at("d/e")), unix.Rmdir(m.at("d")))
	}},
	{"rmdir", "of a file is ENOTDIR, of . EINVAL, of a mount point EBUSY", func(m *pjdMount) {
		m.ok(m.touch("f"), unix.Mkdir(m.at("d"), 0o755))
		m.want(unix.Rmdir(m.at("f")), unix.ENOTDIR)
		m.want(unix.Rmdir(m.at("d")+"/."), unix.EINVAL)
		m.want(unix.Rmdir(m.at("d")+"/.."), unix.ENOTEMPTY)
		m.want(unix.Rmdir(m.dir), unix.EBUSY)
	}},
	{"unlink", "removes a file; again is ENOENT", func(m *pjdMount) {
		m.ok(m.touch("f"), unix.Unlink(m.at("f")))
		m.want(unix.Unlink(m.at("f")), unix.ENOENT)
	}},
	{"unlink", "of a directory is EISDIR", func(m *pjdMount) {
		m.ok(unix.Mkdir(m.at("d"), 0o755))
		m.want(unix.Unlink(m.at("d")), unix.EISDIR)
	}},
	{"unlink", "of an open file leaves the descriptor as it was, without a link", func(m *pjdMount) {
		m.ok(m.write("f", "content"))
		fd := m.fd("f", unix.O_RDWR)
		m.ok(unix.Unlink(m.at("f")))
		var st unix.Stat_t
		m.ok(unix.Fstat(fd, &st))
		p := make([]byte, 10)
		if n, err := unix.Pread(fd, p, 0); err != nil || string(p[:n]) != "content" || st.Nlink != 0 || st.Size != 7 {
			m.t.Errorf("%q, %v, %d links, %d bytes", p[:n], err, st.Nlink, st.Size)
		}
		m.ok(m.write("f", "another"), unix.Close(fd))
		m.holds("f", "another")
	}},
	{"rename", "moves a file, and replaces one", func(m *pjdMount) {
		m.ok(m.write("a", "A"), m.write("b", "B"), unix.Rename(m.at("a"), m.at("b")))
		m.holds("b", "A")
		m.want(m.open("a", unix.O_RDONLY), unix.ENOENT)
	}},
	{"rename", "keeps what stat tells, inode too", func(m *pjdMount) {
		m.ok(m.write("a", "A"), unix.Chmod(m.at("a"), 0o640))
		var before, after unix.Stat_t
		m.ok(unix.Stat(m.at("a"), &before), unix.Rename(m.at("a"), m.at("b")), unix.Stat(m.at("b"), &after))
		if before.Ino != after.Ino || before.Mode != after.Mode || before.Size != after.Size || before.Mtim != after.Mtim {
			m.t.Errorf("%+v became %+v", before, after)
		}
	}},
	{"rename", "onto itself does nothing", func(m *pjdMount) {
		m.ok(m.write("a", "A"), unix.Rename(m.at("a"), m.at("a")))
		m.holds("a", "A")
	}},
	{"rename", "of a file onto a directory is EISDIR, the other way ENOTDIR", func(m *pjdMount) {
		m.ok(m.touch("f"), unix.Mkdir(m.at("d"), 0o755))
		m.want(unix.Rename(m.at("f"), m.at("d")), unix.EISDIR)
		m.want(unix.Rename(m.at("d"), m.at("f")), unix.ENOTDIR)
	}},
	{"rename", "of a directory replaces an empty one and no other", func(m *pjdMount) {
		m.ok(unix.Mkdir(m.at("d"), 0o755), m.write("d/f", "x"), unix.Mkdir(m.at("e"), 0o755), unix.Mkdir(m.at("full"), 0o755), m.touch("full/f"))
		m.want(unix.Rename(m.at("d"), m.at("full")), unix.ENOTEMPTY)
		m.ok(unix.Rename(m.at("d"), m.at("e")))
		m.holds("e/f", "x")
	}},
	{"rename", "of a directory into itself is EINVAL", func(m *pjdMount) {
		m.ok(unix.Mkdir(m.at("d"), 0o755), unix.Mkdir(m.at("d/e"), 0o755))
		m.want(unix.Rename(m.at("d"), m.at("d/e/f")), unix.EINVAL)
		m.want(unix.Rename(m.at("d/e"), m.at("d")), unix.ENOTEMPTY)
	}},
	{"rename", "of what does not exist, or into it, is ENOENT", func(m *pjdMount) {
		m.ok(m.touch("f"))
		m.want(unix.Rename(m.at("nothing"), m.at("g")), unix.ENOENT)
		m.want(unix.Rename(m.at("f"), m.at("nothing/g")), unix.ENOENT)
	}},
	{"rename", "RENAME_NOREPLACE of what exists is EEXIST", func(m *pjdMount) {
		m.ok(m.write("a", "A"), m.write("b", "B"))
		m.want(unix.Renameat2(unix.AT_FDCWD, m.at("a"), unix.AT_FDCWD, m.at("b"), unix.RENAME_NOREPLACE), unix.EEXIST)
		m.ok(unix.Renameat2(unix.AT_FDCWD, m.at("a"), unix.AT_FDCWD, m.at("c"), unix.RENAME_NOREPLACE))
		m.holds("b", "B")
		m.holds("c", "A")
	}},
	{"truncate", "cuts, and extends with zeros", func(m *pjdMount) {
		m.ok(m.write("f", "123456"), unix.Truncate(m.at("f"), 3), unix.Truncate(m.at("f"), 5))
		m.holds("f", "123\x00\x00")
	}},
	{"truncate", "of a directory is EISDIR, to less than nothing EINVAL", func(m *pjdMount) {
		m.ok(unix.Mkdir(m.at("d"), 0o755), m.touch("f"))
		m.want(unix.Truncate(m.at("d"), 0), unix.EISDIR)
		m.want(unix.Truncate(m.at("f"), -1), unix.EINVAL)
	}},
	{"ftruncate", "of a descriptor opened for reading is EINVAL", func(m *pjdMount) {
		m.ok(m.write("f", "123"))
		fd := m.fd("f", unix.O_RDONLY)
		m.want(unix.Ftruncate(fd, 0), unix.EINVAL)
		m.ok(unix.Close(fd))
	}},
	{"chmod", "changes the permissions of files and directories", func(m *pjdMount) {
		m.ok(m.touch("f"), unix.Mkdir(m.at("d"), 0o755), unix.Chmod(m.at("f"), 0o4711), unix.Chmod(m.at("d"), 0o700))
		for name, want := range map[string]uint32{"f": 0o4711, "d": 0o700} {
			var st unix.Stat_t
			if m.ok(unix.Stat(m.at(name), &st)); st.Mode&0o7777 != want {
				m.t.Errorf("%s has %o, want %o", name, st.Mode, want)
			}
		}
	}},
	{"chown", "changes owner and group", func(m *pjdMount) {
		var st unix.Stat_t
		if m.ok(m.touch("f"), unix.Chown(m.at("f"), 123, 456), unix.Stat(m.at("f"), &st)); st.Uid != 123 || st.Gid != 456 {
			m.t.Errorf("%d %d", st.Uid, st.Gid)
		}
	}},
	{"utimensat", "sets the time to the nanosecond", func(m *pjdMount) {
		var st unix.Stat_t
		m.ok(m.touch("f"))
		m.ok(unix.UtimesNanoAt(unix.AT_FDCWD, m.at("f"), []unix.Timespec{{Sec: 1}, {Sec: 1e9, Nsec: 123456789}}, 0), unix.Stat(m.at("f"), &st))
		if st.Mtim != (unix.Timespec{Sec: 1e9, Nsec: 123456789}) {
			m.t.Errorf("%+v", st.Mtim)
		}
	}},
	{"write", "through one descriptor is read through another at once", func(m *pjdMount) {
		m.ok(m.touch("f"))
		w, r := m.fd("f", unix.O_WRONLY), m.fd("f", unix.O_RDONLY)
		_, err := unix.Write(w, []byte("now"))
		p := make([]byte, 5)
		n, readErr := unix.Read(r, p)
		if m.ok(err, readErr, unix.Close(w), unix.Close(r)); string(p[:n]) != "now" {
			m.t.Errorf("%q", p[:n])
		}
	}},
	{"posix_fallocate", "extends a file", func(m *pjdMount) {
		fd := m.fd("f", unix.O_CREAT|unix.O_WRONLY)
		m.ok(unix.Fallocate(fd, 0, 0, 1000), unix.Close(fd))
		m.is("f", unix.S_IFREG, 1000)
	}},
}

// notHeld are the questions of pjdfstest that S3 cannot answer as a disk does:
// what a program asks for, what it is told, and why.
var notHeld = []struct {
	call, what string
	ask        func(m *pjdMount) error
	errno      unix.Errno // 0: it succeeds, and the reason says what differs
	reason     string
}{
	{"link", "hard links", func(m *pjdMount) error { return unix.Link(m.at("f"), m.at("g")) }, unix.EPERM, "an object has one key"},
	{"mkfifo", "named pipes", func(m *pjdMount) error { return unix.Mkfifo(m.at("p"), 0o644) }, unix.EPERM, "there is nothing that an object could hold of it"},
	{"mknod", "device nodes and sockets", func(m *pjdMount) error { return unix.Mknod(m.at("p"), unix.S_IFSOCK|0o644, 0) }, unix.EPERM, "as for pipes"},
	{"rename", "RENAME_EXCHANGE", func(m *pjdMount) error {
		return unix.Renameat2(unix.AT_FDCWD, m.at("f"), unix.AT_FDCWD, m.at("f2"), unix.RENAME_EXCHANGE)
	}, unix.EINVAL, "S3 has no exchange, and two copies are not one step"},
	{"rename", "a folder of more than `--rename-dir-limit` objects", func(m *pjdMount) error {
		return unix.Rename(m.at("big"), m.at("big2"))
	}, unix.EXDEV, "it is one copy and one delete for each object; `mv` then copies"},
	{"open", "names that are no UTF-8", func(m *pjdMount) error {
		for _, err := range []error{unix.Mkdir(m.at("\xff"), 0o755), unix.Symlink("x", m.at("\xff")), unix.Rename(m.at("f"), m.at("\xff"))} {
			if err != unix.EILSEQ {
				return fmt.Errorf("another call: %w", err)
			}
		}
		return m.touch("\xff")
	}, unix.EILSEQ, "keys are text"},
	{"mkdir", "paths whose key is longer than 1,024 bytes", func(m *pjdMount) error {
		err := error(nil)
		for name := "deep"; err == nil; name += "/" + strings.Repeat("d", 250) {
			err = unix.Mkdir(m.at(name), 0o755)
		}
		return err
	}, unix.ENAMETOOLONG, "S3's limit"},
	{"mmap", "shared mappings of a descriptor that may write", func(m *pjdMount) error {
		fd := m.fd("f", unix.O_RDWR)
		defer unix.Close(fd)
		if _, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ, unix.MAP_SHARED); err != unix.ENODEV {
			return fmt.Errorf("for reading: %w", err)
		}
		_, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		return err
	}, unix.ENODEV, "a page that is changed in memory is sent when nobody waits for it, and no error can be told; SQLite so needs another `journal_mode` than `wal`"},
	{"fallocate", "holes in the middle", func(m *pjdMount) error {
		fd := m.fd("f", unix.O_RDWR)
		defer unix.Close(fd)
		return unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 1)
	}, unix.EOPNOTSUPP, "objects have no holes"},
	{"stat", "the number of links of a directory", func(m *pjdMount) error {
		var st unix.Stat_t
		if err := unix.Stat(m.at("big"), &st); err != nil || st.Nlink != 1 {
			return fmt.Errorf("%d links, %w", st.Nlink, err)
		}
		return nil
	}, 0, "always 1, which tells programs that it is not known"},
	{"stat", "access and change times", func(m *pjdMount) error {
		var st unix.Stat_t
		if err := unix.Stat(m.at("f"), &st); err != nil || st.Atim != st.Mtim || st.Ctim != st.Mtim {
			return fmt.Errorf("%+v, %w", st, err)
		}
		return nil
	}, 0, "both are the time of the last change of the content"},
	{"stat", "inode numbers", func(m *pjdMount) error {
		var st unix.Stat_t
		if err := unix.Stat(m.at("f"), &st); err != nil || st.Ino < 1<<63 {
			return fmt.Errorf("inode %d, %w", st.Ino, err)
		}
		return nil
	}, 0, "each mount gives new ones: have backup tools not compare them (`restic --ignore-inode`, `borg --files-cache mtime,size`)"},
}

// pjdMount is a folder of a mount for one question.
type pjdMount struct {
	*mount
	folder string
}

func (m *pjdMount) at(name string) string   { return filepath.Join(m.dir, m.folder) + "/" + name }
func (m *pjdMount) touch(name string) error { return m.open(name, unix.O_CREAT|unix.O_WRONLY) }
func (m *pjdMount) open(name string, flags int) error {
	fd, err := unix.Open(m.at(name), flags|unix.O_CLOEXEC, 0o644)
	if err == nil {
		err = unix.Close(fd)
	}
	return err
}

func (m *pjdMount) fd(name string, flags int) int {
	m.t.Helper()
	fd, err := unix.Open(m.at(name), flags|unix.O_CLOEXEC, 0o644)
	m.ok(err)
	return fd
}

func (m *pjdMount) write(name, content string) error {
	return os.WriteFile(m.at(name), []byte(content), 0o644)
}

func (m *pjdMount) ok(errs ...error) {
	m.t.Helper()
	if err := errors.Join(errs...); err != nil {
		m.t.Fatal(err)
	}
}

func (m *pjdMount) want(err error, want syscall.Errno) {
	m.t.Helper()
	if !errors.Is(err, want) {
		m.t.Errorf("%v, want %v", err, unix.ErrnoName(want))
	}
}

func (m *pjdMount) is(name string, kind uint32, size int64) {
	m.t.Helper()
	var st unix.Stat_t
	if m.ok(unix.Stat(m.at(name), &st)); st.Mode&unix.S_IFMT != kind || kind == unix.S_IFREG && st.Size != size {
		m.t.Errorf("%s is %o with %d bytes", name, st.Mode, st.Size)
	}
}

// holds compares a file with what it must hold, and so its object.
func (m *pjdMount) holds(name, content string) {
	m.t.Helper()
	got, err := os.ReadFile(m.at(name))
	if m.ok(err); string(got) != content {
		m.t.Errorf("%s holds %q, want %q", name, got, content)
	}
	m.wantObject(m.folder+"/"+name, []byte(content))
}

func (m *pjdMount) lists(name string, want ...string) {
	m.t.Helper()
	entries, err := os.ReadDir(m.at(name))
	m.ok(err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, want) {
		m.t.Errorf("%s holds %q, want %q", name, names, want)
	}
}

// TestPjd asks the questions of pjdfstest.
func TestPjd(t *testing.T) {
	t.Parallel()
	whole := mountBucket(t, all.versitygw(t))
	for i, c := range pjd {
		t.Run(c.call+"/"+c.says, func(t *testing.T) {
			m := &pjdMount{whole.within(t), fmt.Sprint("case", i)}
			m.ok(unix.Mkdir(m.at(""), 0o755))
			c.test(m)
		})
	}
}

// TestWhatS3CannotHold asks for it, and is told so.
func TestWhatS3CannotHold(t *testing.T) {
	t.Parallel()
	whole := mountBucket(t, all.versitygw(t), "--rename-dir-limit", "3")
	for i, c := range notHeld {
		t.Run(c.call+"/"+c.what, func(t *testing.T) {
			m := &pjdMount{whole.within(t), fmt.Sprint("case", i)}
			m.ok(unix.Mkdir(m.at(""), 0o755), m.write("f", "content"), m.write("f2", "x"), unix.Mkdir(m.at("big"), 0o755))
			for i := range 5 {
				m.ok(m.touch(fmt.Sprint("big/", i)))
			}
			if err := c.ask(m); c.errno == 0 && err != nil || c.errno != 0 && !errors.Is(err, c.errno) {
				t.Errorf("%v, want %v", err, unix.ErrnoName(c.errno))
			}
		})
	}
}

const (
	semantics  = "../../docs/SEMANTICS.md"
	tableStart = "<!-- what S3 cannot hold -->\n"
	tableEnd   = "<!-- end of what S3 cannot hold -->\n"
)

// TestTheTableOfWhatS3CannotHold is the one in the documentation.
func TestTheTableOfWhatS3CannotHold(t *testing.T) {
	var table strings.Builder
	table.WriteString("\n| call | what | a program is told | because |\n|---|---|---|---|\n")
	for _, c := range notHeld {
		told := "success"
		if c.errno != 0 {
			told = "`" + unix.ErrnoName(c.errno) + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", c.call, c.what, told, c.reason)
	}
	table.WriteString("\n")
	text, err := os.ReadFile(semantics)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), tableStart)
	present, after, closed := strings.Cut(rest, tableEnd)
	switch {
	case !found || !closed:
		t.Fatal("the marks of the table are missing")
	case present == table.String():
	case *update:
		if err := os.WriteFile(semantics, []byte(before+tableStart+table.String()+tableEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the table differs: go test ./internal/e2e -run TableOfWhat -update; want\n%s", &table)
	}
}
