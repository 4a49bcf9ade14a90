package fs_test

import (
	"os"
	"runtime/debug"
	"slices"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/s3mpfs/s3mpfs/fs"
)

func (m *posixModel) openFile() {
	if len(m.open) > 6 {
		m.t.Skip("enough descriptors")
	}
	name := m.drawName("name")
	flags := rapid.SampledFrom([]int{unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR}).Draw(m.t, "access")
	if flags != unix.O_RDONLY {
		flags |= rapid.SampledFrom([]int{0, unix.O_CREAT, unix.O_CREAT | unix.O_TRUNC, unix.O_CREAT | unix.O_EXCL, unix.O_APPEND}).Draw(m.t, "flags")
	}
	fd, err := unix.Open(m.file(name), flags|unix.O_CLOEXEC, 0o644)
	file, exists := m.names[name]
	switch {
	case !exists && flags&unix.O_CREAT == 0:
		m.refused(err, unix.ENOENT)
		return
	case exists && flags&unix.O_EXCL != 0:
		m.refused(err, unix.EEXIST)
		return
	}
	m.must(err)
	if !exists {
		file = &inode{}
		m.names[name] = file
	}
	if flags&unix.O_TRUNC != 0 {
		file.content = nil
	}
	file.open++
	m.open = append(m.open, &descriptor{fd, flags, file})
}

func (m *posixModel) write() {
	d := m.draw(func(d *descriptor) bool { return d.writes() && !d.appends() })
	p := m.bytes(600)
	off := rapid.IntRange(0, min(len(d.file.content)+1000, largest)).Draw(m.t, "offset")
	n, err := unix.Pwrite(d.fd, p, int64(off))
	if m.done(d.file, err) {
		d.file.put(p[:n], off)
	}
}

func (m *posixModel) stream() {
	d := m.draw((*descriptor).writes)
	for range rapid.IntRange(1, 6).Draw(m.t, "times") {
		end := len(d.file.content)
		if end > largest || d.file.lost {
			return
		}
		p := m.bytes(500)
		var err error
		if d.appends() {
			_, err = unix.Write(d.fd, p)
		} else {
			_, err = unix.Pwrite(d.fd, p, int64(end))
		}
		if m.done(d.file, err) {
			d.file.put(p, end)
		}
	}
}

func (m *posixModel) read() {
	d := m.draw((*descriptor).reads)
	off := rapid.IntRange(0, len(d.file.content)).Draw(m.t, "offset")
	p := make([]byte, rapid.IntRange(1, 3000).Draw(m.t, "length"))
	n, err := unix.Pread(d.fd, p, int64(off))
	if m.done(d.file, err) {
		m.same(d.file, "read", p[:n], off, len(p))
	}
}

// mapRead reads through a private mapping, page by page.
func (m *posixModel) mapRead() {
	d := m.draw(func(d *descriptor) bool { return d.reads() && !d.file.gone && len(d.file.content) > 0 })
	debug.SetPanicOnFault(true) // a fault fails the step
	mapped, err := unix.Mmap(d.fd, 0, len(d.file.content), unix.PROT_READ, unix.MAP_PRIVATE)
	m.must(err)
	m.same(d.file, "mapping", slices.Clone(mapped), 0, len(mapped))
	m.must(unix.Munmap(mapped))
}

// seek finds data everywhere and a hole at the end.
func (m *posixModel) seek() {
	d := m.draw(func(d *descriptor) bool { return !d.file.lost && len(d.file.content) > 0 })
	off := rapid.Int64Range(0, int64(len(d.file.content)-1)).Draw(m.t, "offset")
	data, err := unix.Seek(d.fd, off, unix.SEEK_DATA)
	m.must(err)
	hole, err := unix.Seek(d.fd, off, unix.SEEK_HOLE)
	m.must(err)
	if data != off || hole != int64(len(d.file.content)) {
		m.t.Fatalf("from %d on: data at %d, a hole at %d", off, data, hole)
	}
}

func (m *posixModel) truncate() {
	d := m.draw((*descriptor).writes)
	size := rapid.IntRange(0, min(len(d.file.content)+1000, largest)).Draw(m.t, "size")
	if m.done(d.file, unix.Ftruncate(d.fd, int64(size))) {
		d.file.resize(size)
	}
}

func (f *inode) resize(size int) {
	if size > len(f.content) {
		f.put(nil, size)
	}
	f.content = f.content[:size:size]
}

// allocate is fallocate(2), which makes no holes.
func (m *posixModel) allocate() {
	d := m.draw((*descriptor).writes)
	end := rapid.IntRange(1, min(len(d.file.content)+1000, largest)).Draw(m.t, "end")
	off := rapid.IntRange(0, end-1).Draw(m.t, "offset")
	mode := rapid.SampledFrom([]uint32{0, unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_KEEP_SIZE | unix.FALLOC_FL_PUNCH_HOLE}).Draw(m.t, "mode")
	err := unix.Fallocate(d.fd, mode, int64(off), int64(end-off))
	if mode&unix.FALLOC_FL_PUNCH_HOLE != 0 {
		m.refused(err, unix.EOPNOTSUPP)
		return
	}
	if m.done(d.file, err) && mode == 0 && end > len(d.file.content) {
		d.file.resize(end)
	}
}

func (m *posixModel) fsync() {
	d := m.draw((*descriptor).writes)
	if m.done(d.file, unix.Fsync(d.fd)) && m.settings.Options.Fsync == fs.FsyncPublish {
		m.published(d.file)
	}
}

func (m *posixModel) closeOne() {
	d := m.draw(func(*descriptor) bool { return true })
	if !m.done(d.file, m.end(d)) {
		return
	}
	if d.writes() && (len(d.file.content) > 0 || d.file.open == 0) {
		m.published(d.file)
	}
}

func (m *posixModel) dup() {
	if len(m.open) > 6 {
		m.t.Skip("enough descriptors")
	}
	d := m.draw(func(*descriptor) bool { return true })
	fd, err := unix.FcntlInt(uintptr(d.fd), unix.F_DUPFD_CLOEXEC, 0)
	m.must(err)
	d.file.open++
	m.open = append(m.open, &descriptor{fd, d.flags, d.file})
}

func (m *posixModel) unlink() {
	name := m.drawName("name")
	_, ok := m.names[name]
	err := unix.Unlink(m.file(name))
	if !ok {
		m.refused(err, unix.ENOENT)
		return
	}
	m.must(err)
	m.lose(name)
}

// lose takes a name away.
func (m *posixModel) lose(name string) {
	if file, ok := m.names[name]; ok {
		file.gone = true
		delete(m.names, name)
	}
}

func (m *posixModel) rename() {
	from, to := m.drawName("from"), m.drawName("to")
	file, ok := m.names[from]
	err := os.Rename(m.file(from), m.file(to))
	if !ok {
		if !os.IsNotExist(err) {
			m.t.Fatalf("%v, want ENOENT", err)
		}
		return
	}
	m.must(err)
	if from != to {
		m.lose(to)
		delete(m.names, from)
		m.names[to] = file
	}
}

// copyRange copies n bytes with as many calls as it takes.
func copyRange(from, to *descriptor, at, dst int64, n int) error {
	for n > 0 {
		c, err := unix.CopyFileRange(from.fd, &at, to.fd, &dst, n, 0)
		if err != nil {
			return err
		}
		if c == 0 {
			return unix.ENODATA // the source ends too early
		}
		n -= c
	}
	return nil
}

func (m *posixModel) copy() {
	from := m.draw(func(d *descriptor) bool { return d.reads() && len(d.file.content) > 0 && !d.file.lost })
	to := m.draw(func(d *descriptor) bool { return d.writes() && !d.appends() && d.file != from.file })
	size := len(from.file.content)
	at := rapid.IntRange(0, size-1).Draw(m.t, "at")
	n := rapid.IntRange(1, size-at).Draw(m.t, "n")
	dst := rapid.IntRange(0, max(0, min(len(to.file.content), largest-n))).Draw(m.t, "to")
	m.copied(from, to, at, dst, n, copyRange(from, to, int64(at), int64(dst), n))
}

func (m *posixModel) copied(from, to *descriptor, at, dst, n int, err error) {
	m.t.Helper()
	if from != to && from.file.gone && err == unix.ESTALE { // some may have been copied before
		from.file.lost, to.file.content = true, nil
		m.done(to.file, unix.Ftruncate(to.fd, 0))
		return
	}
	if m.done(to.file, err) {
		to.file.put(slices.Clone(from.file.part(at, n)), dst)
	}
}

// copyWithin copies from a file to itself.
func (m *posixModel) copyWithin() {
	d := m.draw(func(d *descriptor) bool {
		return d.reads() && d.writes() && !d.appends() && len(d.file.content) > 1 && !d.file.lost
	})
	size := len(d.file.content)
	at := rapid.IntRange(0, size-1).Draw(m.t, "at")
	n := rapid.IntRange(1, size-at).Draw(m.t, "n")
	dst := rapid.IntRange(0, max(0, min(size, largest-n))).Draw(m.t, "to")
	err := copyRange(d, d, int64(at), int64(dst), n)
	if at < dst+n && dst < at+n {
		m.refused(err, unix.EINVAL) // they overlap
		return
	}
	m.copied(d, d, at, dst, n, err)
}
