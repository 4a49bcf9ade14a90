package fs_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/s3mpfs/s3mpfs/fs"
	"github.com/s3mpfs/s3mpfs/writer"
)

// tiny is an engine that reaches all its boundaries with a few hundred bytes.
func tiny() writer.Options {
	return writer.Options{
		PartSize: 512, BlockSize: 64, Memory: 4096, MaxHole: 3000,
		Limits: writer.Limits{MaxParts: 40, MinPart: 128, MaxPart: 2048, MaxCopy: 1024, MinCopySource: 128, MaxObject: 16_000},
	}
}

// TestAnythingThroughAMount does random things to files through several
// descriptors of a real mount whose parts are a few hundred bytes, and to plain
// byte slices, and compares whatever can be read, and the object in the bucket
// at each close and fsync.
func TestAnythingThroughAMount(t *testing.T) {
	uniform := tiny()
	uniform.UniformParts = true
	for name, s := range map[string]settings{
		"plain":         {Engine: tiny()},
		"uniform parts": {Engine: uniform},
		"fsync=upload":  {Engine: tiny(), Options: fs.Options{Fsync: fs.FsyncUpload}},
	} {
		t.Run(name, func(t *testing.T) {
			mnt := mount(t, s)
			run := 0
			rapid.Check(t, func(t *rapid.T) {
				run++
				m := &posixModel{t: t, mounted: mnt, settings: s, folder: fmt.Sprintf("run%d", run), names: map[string]*inode{}}
				m.must(os.Mkdir(m.path(m.folder), 0o755))
				m.call("Forget", None{}, &None{})
				defer m.closeAll()
				t.Repeat(m.steps())
			})
		})
	}
}

// inode is what a file must hold.
type inode struct {
	content []byte
	open    int
	// gone: it has no name any more. What needs a publish is ESTALE then, and
	// what the file holds after that is not known (lost).
	gone, lost bool
}

// descriptor is one that is open.
type descriptor struct {
	fd    int
	flags int
	file  *inode
}

func (d *descriptor) writes() bool  { return d.flags&unix.O_ACCMODE != unix.O_RDONLY }
func (d *descriptor) reads() bool   { return d.flags&unix.O_ACCMODE != unix.O_WRONLY }
func (d *descriptor) appends() bool { return d.flags&unix.O_APPEND != 0 }

// posixModel is a folder of the mount and what POSIX says of it.
type posixModel struct {
	*mounted
	t        *rapid.T
	settings settings
	folder   string
	names    map[string]*inode
	open     []*descriptor
}

func (m *posixModel) steps() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"open": m.step(m.openFile), "write": m.step(m.write), "append": m.step(m.stream),
		"read": m.step(m.read), "map": m.step(m.mapRead), "seek": m.step(m.seek),
		"truncate": m.step(m.truncate), "allocate": m.step(m.allocate), "fsync": m.step(m.fsync),
		"close": m.step(m.closeOne), "dup": m.step(m.dup), "rename": m.step(m.rename), "unlink": m.step(m.unlink),
		"copy": m.step(m.copy), "copy within": m.step(m.copyWithin), "together": m.step(m.together), "": m.step(m.stat),
	}
}

// step runs one step, and ends the mount with a trace of its goroutines where
// the step hangs.
func (m *posixModel) step(do func()) func(*rapid.T) {
	return func(t *rapid.T) {
		m.t = t
		defer m.watch()()
		do()
	}
}

// watch ends the mount after a minute, unless done is called before. The minute
// is counted in ticks: a machine that stands still for that long, and comes back
// with all its clocks ahead, has not given anybody time to end.
func (m *posixModel) watch() (done func()) {
	ended := make(chan struct{})
	go func() {
		tick := time.NewTicker(5 * time.Second)
		defer tick.Stop()
		for range 12 {
			select {
			case <-ended:
				return
			case <-tick.C:
			}
		}
		_ = m.process.Signal(unix.SIGQUIT)
	}()
	return func() { close(ended) }
}

func (m *posixModel) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *posixModel) refused(err, want error) {
	m.t.Helper()
	if err != want {
		m.t.Fatalf("%v, want %v", err, want)
	}
}

// done is must for what concerns f; it is false where f has no name, and was
// given up.
func (m *posixModel) done(f *inode, err error) bool {
	m.t.Helper()
	if f.gone && err == unix.ESTALE {
		f.lost = true
		return false
	}
	m.must(err)
	return true
}

func (m *posixModel) file(name string) string { return m.path(m.folder + "/" + name) }

func (m *posixModel) drawName(label string) string {
	return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(m.t, label)
}

// find gives a descriptor that fits, nil where none does.
func (m *posixModel) find(fits func(*descriptor) bool) *descriptor {
	var some []*descriptor
	for _, d := range m.open {
		if fits(d) {
			some = append(some, d)
		}
	}
	if len(some) == 0 {
		return nil
	}
	return some[rapid.IntRange(0, len(some)-1).Draw(m.t, "descriptor")]
}

// draw is find of a step, which is skipped where none fits.
func (m *posixModel) draw(fits func(*descriptor) bool) *descriptor {
	d := m.find(fits)
	if d == nil {
		m.t.Skip("no such descriptor")
	}
	return d
}

func (f *inode) put(p []byte, off int) {
	if end := off + len(p); end > len(f.content) {
		f.content = append(f.content, make([]byte, end-len(f.content))...)
	}
	copy(f.content[off:], p)
}

// part is what the model holds of n bytes at off.
func (f *inode) part(off, n int) []byte {
	return f.content[min(off, len(f.content)):min(len(f.content), off+n)]
}

const largest = 8000 // bytes of a file in the model

// bytes are fresh ones, unlike those before.
func (m *posixModel) bytes(most int) []byte {
	p := make([]byte, rapid.IntRange(1, most).Draw(m.t, "length"))
	seed := rapid.Byte().Draw(m.t, "seed")
	for i := range p {
		p[i] = seed + byte(i)*7 | 1
	}
	return p
}

// same compares what was read of a file.
func (m *posixModel) same(f *inode, what string, got []byte, off, n int) {
	m.t.Helper()
	if want := f.part(off, n); !f.lost && !bytes.Equal(got, want) {
		m.t.Fatalf("%s at %d: %d bytes that differ from the %d wanted, first at %d", what, off, len(got), len(want), differ(got, want))
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

func (m *posixModel) end(d *descriptor) error {
	m.open = slices.DeleteFunc(m.open, func(o *descriptor) bool { return o == d })
	d.file.open--
	return unix.Close(d.fd)
}

func (m *posixModel) closeAll() {
	for len(m.open) > 0 {
		file := m.open[0].file
		if err := m.end(m.open[0]); err != nil && !(file.lost && err == unix.ESTALE) {
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
	for _, key := range m.keys() {
		var name string
		if n, _ := fmt.Sscanf(key, m.folder+"/%s", &name); n == 1 && m.names[name] == nil {
			m.t.Errorf("there is an object %s without a file", key)
		}
	}
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

// stat is what must hold at every moment.
func (m *posixModel) stat() {
	for name, file := range m.names {
		var st unix.Stat_t
		m.must(unix.Stat(m.file(name), &st))
		if st.Size != int64(len(file.content)) {
			m.t.Fatalf("%s has %d bytes, want %d", name, st.Size, len(file.content))
		}
	}
}
