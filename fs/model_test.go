package fs_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/s3mpfs/s3mpfs/fs"
	"github.com/s3mpfs/s3mpfs/writer"
)

// TestAnythingThroughAMount does random things to files through several
// descriptors of a real mount whose parts are a few hundred bytes, and to plain
// byte slices, and compares whatever can be read, and the object in the bucket
// at each close and fsync.
func TestAnythingThroughAMount(t *testing.T) {
	mnt := mount(t, settings{
		Options: fs.Options{},
		Engine: writer.Options{
			PartSize: 512, BlockSize: 64, Memory: 4096, MaxHole: 3000,
			Limits: writer.Limits{MaxParts: 40, MinPart: 128, MaxPart: 2048, MaxCopy: 1024, MinCopySource: 128, MaxObject: 16_000},
		},
	})
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		m := &posixModel{t: t, mounted: mnt, folder: fmt.Sprintf("run%d", run), names: map[string]*inode{}}
		m.must(os.Mkdir(m.path(m.folder), 0o755))
		defer m.closeAll()
		t.Repeat(map[string]func(*rapid.T){
			"open": m.step(m.openFile), "write": m.step(m.write), "append": m.step(m.stream),
			"read": m.step(m.read), "truncate": m.step(m.truncate), "fsync": m.step(m.fsync),
			"close": m.step(m.closeOne), "dup": m.step(m.dup), "rename": m.step(m.rename),
			"copy": m.step(m.copy), "": m.step(m.stat),
		})
	})
}

// inode is what a file must hold.
type inode struct {
	content []byte
	open    int
}

// descriptor is one that is open.
type descriptor struct {
	fd    int
	flags int
	file  *inode
}

func (d *descriptor) writes() bool { return d.flags&unix.O_ACCMODE != unix.O_RDONLY }
func (d *descriptor) reads() bool  { return d.flags&unix.O_ACCMODE != unix.O_WRONLY }

// posixModel is a folder of the mount and what POSIX says of it.
type posixModel struct {
	*mounted
	t      *rapid.T
	folder string
	names  map[string]*inode
	open   []*descriptor
}

func (m *posixModel) step(do func()) func(*rapid.T) {
	return func(t *rapid.T) { m.t = t; do() }
}

func (m *posixModel) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *posixModel) file(name string) string { return m.path(m.folder + "/" + name) }

func (m *posixModel) drawName(label string) string {
	return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(m.t, label)
}

// draw gives a descriptor that fits; the step is skipped where none does.
func (m *posixModel) draw(fits func(*descriptor) bool) *descriptor {
	var some []*descriptor
	for _, d := range m.open {
		if fits(d) {
			some = append(some, d)
		}
	}
	if len(some) == 0 {
		m.t.Skip("no such descriptor")
	}
	return some[rapid.IntRange(0, len(some)-1).Draw(m.t, "descriptor")]
}

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

func (m *posixModel) refused(err, want error) {
	m.t.Helper()
	if err != want {
		m.t.Fatalf("%v, want %v", err, want)
	}
}

func (f *inode) put(p []byte, off int) {
	if end := off + len(p); end > len(f.content) {
		f.content = append(f.content, make([]byte, end-len(f.content))...)
	}
	copy(f.content[off:], p)
}

const largest = 8000 // bytes of a file in the model

func (m *posixModel) write() {
	d := m.draw(func(d *descriptor) bool { return d.writes() && d.flags&unix.O_APPEND == 0 })
	off := rapid.IntRange(0, min(len(d.file.content)+1000, largest)).Draw(m.t, "offset")
	p := m.bytes(600)
	n, err := unix.Pwrite(d.fd, p, int64(off))
	m.must(err)
	d.file.put(p[:n], off)
}

// bytes are fresh ones, unlike those before.
func (m *posixModel) bytes(most int) []byte {
	p := make([]byte, rapid.IntRange(1, most).Draw(m.t, "length"))
	seed := rapid.Byte().Draw(m.t, "seed")
	for i := range p {
		p[i] = seed + byte(i)*7 | 1
	}
	return p
}

func (m *posixModel) stream() {
	d := m.draw((*descriptor).writes)
	for range rapid.IntRange(1, 6).Draw(m.t, "times") {
		end := len(d.file.content)
		if end > largest {
			return
		}
		p := m.bytes(500)
		var err error
		if d.flags&unix.O_APPEND != 0 {
			_, err = unix.Write(d.fd, p)
		} else {
			_, err = unix.Pwrite(d.fd, p, int64(end))
		}
		m.must(err)
		d.file.put(p, end)
	}
}

func (m *posixModel) read() {
	d := m.draw((*descriptor).reads)
	off := rapid.IntRange(0, len(d.file.content)).Draw(m.t, "offset")
	p := make([]byte, rapid.IntRange(1, 3000).Draw(m.t, "length"))
	n, err := unix.Pread(d.fd, p, int64(off))
	m.must(err)
	want := d.file.content[off:min(len(d.file.content), off+len(p))]
	if !bytes.Equal(p[:n], want) {
		m.t.Fatalf("read at %d: %d bytes that differ from the %d wanted, first at %d", off, n, len(want), differ(p[:n], want))
	}
}

func differ(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func (m *posixModel) truncate() {
	d := m.draw((*descriptor).writes)
	size := rapid.IntRange(0, min(len(d.file.content)+1000, largest)).Draw(m.t, "size")
	m.must(unix.Ftruncate(d.fd, int64(size)))
	if size > len(d.file.content) {
		d.file.put(nil, size)
	}
	d.file.content = d.file.content[:size:size]
}

func (m *posixModel) fsync() {
	d := m.draw((*descriptor).writes)
	m.must(unix.Fsync(d.fd))
	m.published(d.file)
}

func (m *posixModel) closeOne() {
	d := m.draw(func(*descriptor) bool { return true })
	m.must(m.end(d))
	if d.writes() && (len(d.file.content) > 0 || d.file.open == 0) {
		m.published(d.file)
	}
}

func (m *posixModel) end(d *descriptor) error {
	m.open = slices.DeleteFunc(m.open, func(o *descriptor) bool { return o == d })
	d.file.open--
	return unix.Close(d.fd)
}

func (m *posixModel) closeAll() {
	for len(m.open) > 0 {
		if err := m.end(m.open[0]); err != nil {
			m.t.Error(err)
		}
	}
	for _, file := range m.names {
		m.published(file)
	}
	m.eventually("the abort of every upload that is not needed", func() bool {
		var uploads []string
		m.call("Uploads", None{}, &uploads)
		return len(uploads) == 0
	})
}

// published compares the object with what the file must hold, without the
// mount's help.
func (m *posixModel) published(file *inode) {
	m.t.Helper()
	for name, f := range m.names {
		if f != file {
			continue
		}
		if len(file.content) == 0 {
			// Left to RELEASE, which is not waited for, where another
			// descriptor was open.
			m.eventually("the empty object "+name, func() bool { return slices.Contains(m.keys(), m.folder+"/"+name) })
		}
		var got []byte
		if err := m.client.Call("Bucket.Get", m.folder+"/"+name, &got); err != nil {
			m.t.Fatal(err)
		}
		if !bytes.Equal(got, file.content) {
			m.t.Fatalf("object %s: %d bytes that differ from the %d wanted, first at %d",
				name, len(got), len(file.content), differ(got, file.content))
		}
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

// rename leaves out names that are open where they would be replaced: what a
// descriptor of a removed file can do is another test's question.
func (m *posixModel) rename() {
	from, to := m.drawName("from"), m.drawName("to")
	file, ok := m.names[from]
	if old := m.names[to]; old != nil && old.open > 0 {
		m.t.Skip("open")
	}
	err := os.Rename(m.file(from), m.file(to))
	if !ok {
		if !os.IsNotExist(err) {
			m.t.Fatalf("%v, want ENOENT", err)
		}
		return
	}
	m.must(err)
	delete(m.names, from)
	m.names[to] = file
}

func (m *posixModel) copy() {
	from := m.draw((*descriptor).reads)
	to := m.draw(func(d *descriptor) bool {
		return d.writes() && d.flags&unix.O_APPEND == 0 && d.file != from.file
	})
	if len(from.file.content) == 0 {
		m.t.Skip("nothing to copy")
	}
	at := rapid.Int64Range(0, int64(len(from.file.content)-1)).Draw(m.t, "at")
	n := rapid.IntRange(1, len(from.file.content)-int(at)).Draw(m.t, "n")
	dst := rapid.Int64Range(0, int64(min(len(to.file.content), largest-n))).Draw(m.t, "to")
	start, begin := at, dst
	for done := 0; done < n; {
		c, err := unix.CopyFileRange(from.fd, &at, to.fd, &dst, n-done, 0)
		m.must(err)
		if c == 0 {
			m.t.Fatal(io.ErrUnexpectedEOF)
		}
		done += c
	}
	to.file.put(slices.Clone(from.file.content[start:int(start)+n]), int(begin))
}

func (m *posixModel) stat() {
	for name, file := range m.names {
		var st unix.Stat_t
		m.must(unix.Stat(m.file(name), &st))
		if st.Size != int64(len(file.content)) {
			m.t.Fatalf("%s has %d bytes, want %d", name, st.Size, len(file.content))
		}
	}
}
