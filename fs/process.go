package fs

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// processes is what the rule for FLUSH must know of the processes that use the
// mount.
type processes interface {
	// group is the thread group (what everybody calls process ID) of a
	// thread, 0 if it cannot be seen.
	group(thread uint32) int
	// killed tells whether a thread is exiting because of a signal.
	killed(thread uint32) bool
	// holds tells whether a process, or any descendant of it, has a descriptor
	// of the file with this inode number, or that this cannot be seen.
	holds(group int, ino uint64) bool
}

// procfs answers from a proc file system, by proc(5).
type procfs string

var _ processes = procfs("")

func (p procfs) path(elements ...string) string {
	return filepath.Join(append([]string{string(p)}, elements...)...)
}

func (p procfs) group(thread uint32) int {
	switch {
	case thread == 0:
		return 0
	case leads(thread):
		return int(thread)
	}
	status, err := os.ReadFile(p.path(id(thread), "status"))
	if err != nil {
		return 0
	}
	group, _ := strconv.Atoi(field(status, "Tgid:"))
	return group
}

// leads tells whether a thread is the first of its group, as that of most
// programs is, at a fraction of what /proc costs: only such threads can be opened
// (pidfd_open(2), Linux 5.3). Where that is not known it is false.
func leads(thread uint32) bool {
	fd, err := unix.PidfdOpen(int(thread), 0)
	if err != nil {
		return false
	}
	_ = unix.Close(fd) // nothing was written
	return true
}

func id[T int | uint32](n T) string { return strconv.Itoa(int(n)) }

// field gives the value of a line of the form "name value".
func field(text []byte, name string) string {
	for line := range bytes.Lines(text) {
		if value, ok := bytes.CutPrefix(line, []byte(name)); ok {
			return string(bytes.TrimSpace(value))
		}
	}
	return ""
}

func (p procfs) killed(thread uint32) bool {
	stat, err := os.ReadFile(p.path(id(thread), "stat"))
	if err != nil {
		return false
	}
	// The second field, the program's name in brackets, may hold anything.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const (
		flagsField, exitCodeField = 9 - 3, 52 - 3 // as proc(5) numbers them
		exiting                   = 0x4           // PF_EXITING
		signal                    = 0x7f
	)
	if len(fields) <= exitCodeField {
		return false
	}
	flags, _ := strconv.ParseUint(fields[flagsField], 10, 64)
	code, _ := strconv.ParseUint(fields[exitCodeField], 10, 64)
	return flags&exiting != 0 && code&signal != 0
}

// maxDescendants bounds what one FLUSH looks at.
const maxDescendants = 1000

func (p procfs) holds(group int, ino uint64) bool {
	todo := []int{group}
	for seen := 0; len(todo) > 0; seen++ {
		group, todo = todo[0], todo[1:]
		if seen > maxDescendants || p.hasDescriptor(group, ino) {
			return true
		}
		children, ok := p.children(group)
		if !ok {
			return true
		}
		todo = append(todo, children...)
	}
	return false
}

// hasDescriptor looks for the inode number in the process's descriptors. It
// does not touch the files themselves, which lie on this very mount. Inode
// numbers of a mount begin at 2^63 and so are no other file system's. Kernels
// before 5.14 do not tell the number: then nothing can be seen.
func (p procfs) hasDescriptor(group int, ino uint64) bool {
	dir := p.path(id(group), "fdinfo")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	want := strconv.FormatUint(ino, 10)
	for _, e := range entries {
		info, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			continue // closed meanwhile
		}
		if got := field(info, "ino:"); got == want || got == "" {
			return true
		}
	}
	return false
}

// children are the processes that any thread of a process has started.
func (p procfs) children(group int) (children []int, ok bool) {
	tasks, err := os.ReadDir(p.path(id(group), "task"))
	if err != nil {
		return nil, errors.Is(err, fs.ErrNotExist)
	}
	for _, task := range tasks {
		list, err := os.ReadFile(p.path(id(group), "task", task.Name(), "children"))
		if err != nil {
			if p.exists(group, task.Name()) {
				return nil, false
			}
			continue
		}
		for _, child := range strings.Fields(string(list)) {
			n, _ := strconv.Atoi(child)
			children = append(children, n)
		}
	}
	return children, true
}

func (p procfs) exists(group int, task string) bool {
	_, err := os.Lstat(p.path(id(group), "task", task))
	return err == nil
}
