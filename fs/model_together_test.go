package fs_test

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// claim is a range of a file, or a name, that one of several concurrent
// operations needs for itself, or together with others that only read.
type claim struct {
	what   any // *inode or name
	lo, hi int
	writes bool
}

func (c claim) conflicts(with []claim) bool {
	for _, o := range with {
		if c.what == o.what && c.lo < o.hi && o.lo < c.hi && (c.writes || o.writes) {
			return true
		}
	}
	return false
}

// operation is one of several that run at the same time.
type operation struct {
	claims []claim
	run    func() error // in a goroutine of its own
	after  func()       // what it means for the model
}

// beyond is more than every offset.
const beyond = 1 << 40

// together runs operations at the same time that do not depend on each other's
// order, and then looks at all files.
func (m *posixModel) together() {
	kinds := map[string]func() *operation{
		"write": m.writing, "append": m.appending, "read": m.reading, "fsync": m.syncing,
		"copy": m.copying, "open": m.opening, "rename": m.renaming,
	}
	var claims []claim
	var all []*operation
	for range rapid.IntRange(2, 6).Draw(m.t, "operations") {
		kind := rapid.SampledFrom([]string{"write", "write", "append", "read", "read", "fsync", "copy", "open", "rename"}).Draw(m.t, "kind")
		o := kinds[kind]()
		if o == nil {
			continue
		}
		free := true
		for _, c := range o.claims {
			free = free && !c.conflicts(claims)
		}
		if free {
			claims = append(claims, o.claims...)
			all = append(all, o)
		}
	}
	m.run(all)
}

func (m *posixModel) run(all []*operation) {
	results := make([]error, len(all))
	var running sync.WaitGroup
	for i, o := range all {
		running.Go(func() { results[i] = o.run() })
	}
	running.Wait()
	m.must(errors.Join(results...))
	for _, o := range all {
		o.after()
	}
	for name, file := range m.names {
		m.must(readEqual(m.file(name), 0, file.content))
	}
}

func nothing() {}

// present is a descriptor of a file that has a name.
func present(d *descriptor) bool { return !d.file.gone }

func (m *posixModel) writing() *operation {
	d := m.find(func(d *descriptor) bool { return present(d) && d.writes() && !d.appends() })
	if d == nil {
		return nil
	}
	p := m.bytes(1500)
	off := rapid.IntRange(0, min(len(d.file.content)+1000, largest)).Draw(m.t, "offset")
	return &operation{
		claims: []claim{{d.file, off, off + len(p), true}},
		run:    func() error { return wrote(unix.Pwrite(d.fd, p, int64(off)))(len(p)) },
		after:  func() { d.file.put(p, off) },
	}
}

// wrote tells what is wrong with a write of so many bytes.
func wrote(n int, err error) func(want int) error {
	return func(want int) error {
		if err == nil && n != want {
			err = fmt.Errorf("wrote %d of %d bytes", n, want)
		}
		return err
	}
}

func (m *posixModel) appending() *operation {
	d := m.find(func(d *descriptor) bool { return present(d) && d.appends() && len(d.file.content) < largest })
	if d == nil {
		return nil
	}
	p, end := m.bytes(1500), len(d.file.content)
	return &operation{
		claims: []claim{{d.file, end, beyond, true}},
		run:    func() error { return wrote(unix.Write(d.fd, p))(len(p)) },
		after:  func() { d.file.put(p, end) },
	}
}

func (m *posixModel) reading() *operation {
	d := m.find(func(d *descriptor) bool { return present(d) && d.reads() && len(d.file.content) > 0 })
	if d == nil {
		return nil
	}
	off := rapid.IntRange(0, len(d.file.content)-1).Draw(m.t, "offset")
	n := rapid.IntRange(1, len(d.file.content)-off).Draw(m.t, "length")
	want := append([]byte(nil), d.file.part(off, n)...)
	return &operation{
		claims: []claim{{d.file, off, off + n, false}},
		run:    func() error { return equalAt(d.fd, off, want) },
		after:  nothing,
	}
}

// opening reads through a descriptor of its own.
func (m *posixModel) opening() *operation {
	name := m.drawName("name")
	file := m.names[name]
	if file == nil || len(file.content) == 0 {
		return nil
	}
	off := rapid.IntRange(0, len(file.content)-1).Draw(m.t, "offset")
	n := rapid.IntRange(1, len(file.content)-off).Draw(m.t, "length")
	want := append([]byte(nil), file.part(off, n)...)
	return &operation{
		claims: []claim{{name, 0, 1, false}, {file, off, off + n, false}},
		run:    func() error { return readEqual(m.file(name), off, want) },
		after:  nothing,
	}
}

// readEqual opens a file and compares what it holds from off on with want.
func readEqual(path string, off int, want []byte) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	return errors.Join(equalAt(fd, off, want), unix.Close(fd))
}

func equalAt(fd, off int, want []byte) error {
	p := make([]byte, len(want))
	n, err := unix.Pread(fd, p, int64(off))
	if err != nil {
		return fmt.Errorf("read at %d: %w", off, err)
	}
	if at := differ(p[:n], want); at < len(want) {
		return fmt.Errorf("read at %d: %d of %d bytes, different from %d on", off, n, len(want), at)
	}
	return nil
}

func (m *posixModel) syncing() *operation {
	d := m.find(func(d *descriptor) bool { return present(d) && d.writes() })
	if d == nil {
		return nil
	}
	return &operation{run: func() error { return unix.Fsync(d.fd) }, after: nothing}
}

func (m *posixModel) copying() *operation {
	from := m.find(func(d *descriptor) bool { return present(d) && d.reads() && len(d.file.content) > 0 })
	to := m.find(func(d *descriptor) bool { return present(d) && d.writes() && !d.appends() })
	if from == nil || to == nil || from.file == to.file {
		return nil
	}
	size := len(from.file.content)
	at := rapid.IntRange(0, size-1).Draw(m.t, "at")
	n := rapid.IntRange(1, size-at).Draw(m.t, "n")
	dst := rapid.IntRange(0, max(0, min(len(to.file.content), largest-n))).Draw(m.t, "to")
	bytes := append([]byte(nil), from.file.part(at, n)...)
	return &operation{
		claims: []claim{{from.file, at, at + n, false}, {to.file, dst, dst + n, true}},
		run:    func() error { return copyRange(from, to, int64(at), int64(dst), n) },
		after:  func() { to.file.put(bytes, dst) },
	}
}

// renaming gives a file a free name while others use it.
func (m *posixModel) renaming() *operation {
	from, to := m.drawName("from"), m.drawName("to")
	file := m.names[from]
	if file == nil || m.names[to] != nil {
		return nil
	}
	return &operation{
		claims: []claim{{from, 0, 1, true}, {to, 0, 1, true}},
		run:    func() error { return unix.Rename(m.file(from), m.file(to)) },
		after: func() {
			delete(m.names, from)
			m.names[to] = file
		},
	}
}
