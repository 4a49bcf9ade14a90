package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/s3mpfs/s3mpfs/internal/modeltest"
)

// TestTree does random things to names and folders, in a mount and in a local
// folder beside it, and compares what both say. Several programs do so at a time,
// each below names of its own; nothing that the mount remembers is renewed by
// itself. A failure prints the seed and the operations; S3MPFS_TREE_SEED repeats
// them.
func TestTree(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("S3MPFS_TREE_SEED"); text != "" {
		if _, err := fmt.Sscan(text, &seed); err != nil {
			t.Fatal(err)
		}
	}
	operations := 5000
	if modeltest.Long() {
		operations = 200_000
	}
	for _, flags := range [][]string{{}, {"--write-behind"}} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			t.Parallel()
			m, beside := mountBucket(t, all.versitygw(t), append(flags, "--metadata-ttl", "10m")...), t.TempDir()
			var programs sync.WaitGroup
			for i, own := range []string{"p", "q", "r"} {
				x := &tree{m.dir, beside, own, rand.New(rand.NewPCG(seed, uint64(i))), [2][]*os.File{}, nil}
				programs.Go(func() {
					defer x.closeAll()
					for range operations {
						if problem := x.operation(); problem != "" {
							t.Errorf("S3MPFS_TREE_SEED=%d: %s, after\n%s", seed, problem, strings.Join(x.log[max(0, len(x.log)-200):], "\n"))
							return
						}
					}
				})
			}
			programs.Wait()
		})
	}
}

// tree is one program's part of both folders.
type tree struct {
	mounted, beside string
	own             string // what its names begin with
	random          *rand.Rand
	held            [2][]*os.File // open in both
	log             []string
}

// name gives one of few names, at any depth, so that they meet.
func (x *tree) name() string {
	name := x.own + string("abc"[x.random.IntN(3)])
	for _, below := range []string{"xyz", "q"} {
		if x.random.IntN(4) == 0 {
			break
		}
		name = filepath.Join(name, string(below[x.random.IntN(len(below))]))
	}
	return name
}

// operation does one thing in both folders, and tells what differs.
func (x *tree) operation() string {
	names := []string{x.name(), x.name(), x.name(), x.name()}
	for _, name := range names[x.random.IntN(len(names)):] { // perhaps a name that is missing
		if problem := x.compare(name); problem != "" {
			return problem
		}
	}
	o := treeOperations[x.random.IntN(len(treeOperations))]
	data := make([]byte, x.random.IntN(40))
	var got [2]error
	for i, root := range []string{x.mounted, x.beside} {
		got[i] = o.do(&step{filepath.Join(root, names[0]), filepath.Join(root, names[1]), x.own, data, &x.held[i]})
	}
	x.log = append(x.log, fmt.Sprintf("%s %s %s %d: %v", o.name, names[0], names[1], len(data), got[1]))
	if errnoOf(got[0]) != errnoOf(got[1]) {
		return fmt.Sprintf("%s %s: %v in the mount, %v beside it", o.name, names[0], got[0], got[1])
	}
	for _, name := range names {
		if problem := x.compare(name); problem != "" {
			return problem
		}
	}
	return ""
}

// compare compares what lstat(2) tells of a name: its kind and a file's size.
func (x *tree) compare(name string) string {
	var got [2]string
	for i, root := range []string{x.mounted, x.beside} {
		info, err := os.Lstat(filepath.Join(root, name))
		switch {
		case err != nil:
			got[i] = errnoOf(err).Error()
		case info.Mode().IsRegular():
			got[i] = fmt.Sprintf("a file of %d bytes", info.Size())
		default:
			got[i] = info.Mode().Type().String()
		}
	}
	x.log = append(x.log, "stat "+name+": "+got[1])
	if got[0] != got[1] {
		return fmt.Sprintf("%s: %s in the mount, %s beside it", name, got[0], got[1])
	}
	return ""
}

func (x *tree) closeAll() {
	for _, files := range x.held {
		for _, f := range files {
			_ = f.Close() // what is left of it was compared before
		}
	}
}

// errnoOf is the error's number. A folder that is not empty may be told with
// either of POSIX's two.
func errnoOf(err error) (errno unix.Errno) {
	if errors.As(err, &errno); errno == unix.ENOTEMPTY {
		return unix.EEXIST
	}
	return errno
}

// step is an operation's arguments.
type step struct {
	a, b string // paths
	own  string // what the program's names begin with
	data []byte
	held *[]*os.File
}

// most descriptors that a program holds.
const mostHeld = 4

var treeOperations = []struct {
	name string
	do   func(s *step) error
}{
	{"write", func(s *step) error { return s.write(os.O_TRUNC) }},
	{"write a new", func(s *step) error { return s.write(os.O_EXCL) }},
	{"append to", func(s *step) error { return s.write(os.O_APPEND) }},
	{"write into", func(s *step) error { return s.write(0) }},
	{"replace", func(s *step) error {
		temporary := &step{a: s.a + ".tmp", data: s.data}
		if err := temporary.write(os.O_TRUNC); err != nil {
			return err
		}
		return unix.Rename(temporary.a, s.a)
	}},
	{"truncate", func(s *step) error { return unix.Truncate(s.a, int64(len(s.data))) }},
	{"chmod", func(s *step) error { return unix.Chmod(s.a, 0o700|uint32(len(s.data)%8)) }},
	{"remove", func(s *step) error { return unix.Unlink(s.a) }},
	{"remove", func(s *step) error { return unix.Unlink(s.a) }},
	{"mkdir", func(s *step) error { return unix.Mkdir(s.a, 0o755) }},
	{"mkdir", func(s *step) error { return unix.Mkdir(s.a, 0o755) }},
	{"rmdir", func(s *step) error { return unix.Rmdir(s.a) }},
	{"rename", func(s *step) error { return unix.Rename(s.a, s.b) }},
	{"rename", func(s *step) error { return unix.Rename(s.a, s.b) }},
	{"rename", func(s *step) error { return unix.Rename(s.a, s.b) }},
	{"link", func(s *step) error { return unix.Symlink(s.own+" of "+filepath.Base(s.b), s.a) }},
	{"write to the removed", func(s *step) error {
		f, err := os.OpenFile(s.a, os.O_RDWR|unix.O_NOFOLLOW, 0)
		if err != nil {
			return err
		}
		err = unix.Unlink(s.a)
		_, written := f.Write(s.data)
		return errors.Join(err, written, f.Close())
	}},
	{"hold", func(s *step) error {
		if len(*s.held) == mostHeld {
			return nil
		}
		f, err := os.OpenFile(s.a, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o644)
		if err == nil {
			*s.held = append(*s.held, f)
		}
		return err
	}},
	{"write to one held", func(s *step) error {
		if len(*s.held) == 0 {
			return nil
		}
		_, err := (*s.held)[len(s.data)%len(*s.held)].WriteAt(s.data, 0)
		return err
	}},
	{"close one held", func(s *step) error {
		if len(*s.held) == 0 {
			return nil
		}
		i := len(s.data) % len(*s.held)
		err := (*s.held)[i].Close()
		*s.held = slices.Delete(*s.held, i, i+1)
		return err
	}},
}

func (s *step) write(flags int) error {
	f, err := os.OpenFile(s.a, os.O_WRONLY|os.O_CREATE|flags, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(s.data)
	return errors.Join(err, f.Close())
}
