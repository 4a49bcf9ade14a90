package writer_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/s3mpfs/s3mpfs/internal/s3fake"
	"github.com/s3mpfs/s3mpfs/writer"
)

// tiny limits reach every boundary of the plan with a few dozen bytes.
var tiny = writer.Limits{MaxParts: 12, MinPart: 8, MaxPart: 64, MaxCopy: 48, MinCopySource: 8, MaxObject: 256}

// TestAnyWritePattern does random things to some files of one engine and to
// plain byte slices, and compares what can be read, and the object after each
// publish, byte for byte.
func TestAnyWritePattern(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t, s3fake.New(s3fake.Options{Limits: tiny, Checksum: writer.CRC64NVME}))
		t.Repeat(m.steps(t))
		m.close(t)
	})
}

// TestAnyWritePatternUniform is the same where all parts must be equal.
func TestAnyWritePatternUniform(t *testing.T) {
	limits := tiny
	limits.MaxParts = 60
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t, s3fake.New(s3fake.Options{Limits: limits, Checksum: writer.CRC64NVME, Uniform: true}), func(o *writer.Options) {
			o.UniformParts, o.Limits = true, limits
		})
		t.Repeat(m.steps(t))
		m.close(t)
	})
}

// TestAnyWritePatternFewParts is the same where part numbers run out all the
// time.
func TestAnyWritePatternFewParts(t *testing.T) {
	limits := writer.Limits{MaxParts: 5, MinPart: 8, MaxPart: 1024, MaxCopy: 1024, MinCopySource: 8, MaxObject: 1000}
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t, s3fake.New(s3fake.Options{Limits: limits, Checksum: writer.CRC64NVME}), func(o *writer.Options) {
			o.Limits = limits
		})
		t.Repeat(m.steps(t))
		m.close(t)
	})
}

// model is an engine with its files, and what they must hold.
type model struct {
	store    *s3fake.Store
	engine   *writer.Engine
	files    []*modelFile
	unlinked *modelFile // the file that lost its name last
}

type modelFile struct {
	*writer.File
	key       string
	want      []byte
	published []byte // nil: there is no object
}

func newModel(t *rapid.T, store *s3fake.Store, adjust ...func(*writer.Options)) *model {
	o := writer.Options{
		PartSize: 16, BlockSize: 4, MaxHole: 40, Limits: tiny,
		Memory:      rapid.SampledFrom([]int64{64, 100, 400}).Draw(t, "memory"),
		Concurrency: rapid.IntRange(1, 4).Draw(t, "concurrency"),
	}
	for _, a := range adjust {
		a(&o)
	}
	engine, err := writer.New(store, o)
	if err != nil {
		t.Fatal(err)
	}
	m := &model{store: store, engine: engine}
	for i := range rapid.IntRange(1, 3).Draw(t, "files") {
		key := fmt.Sprintf("key%d", i)
		m.files = append(m.files, &modelFile{File: engine.Create(key, writer.FileOptions{}), key: key, want: []byte{}})
	}
	return m
}

func (m *model) file(t *rapid.T) *modelFile {
	return m.files[rapid.IntRange(0, len(m.files)-1).Draw(t, "file")]
}

func (m *model) steps(t *rapid.T) map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"write":    m.write,
		"stream":   m.stream,
		"read":     m.read,
		"truncate": m.truncate,
		"publish":  m.publish,
		"reopen":   m.reopen,
		"copy":     m.copy,
		"unlink":   m.unlink,
		"nameless": m.goOn,
		"drain":    func(t *rapid.T) { must(t, m.file(t).Drain()) },
		"":         m.sizes,
	}
}

func must(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var filler byte

// fresh gives n bytes unlike those given before.
func fresh(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		filler++
		p[i] = filler | 1
	}
	return p
}

func (f *modelFile) put(p []byte, off int) {
	if end := off + len(p); end > len(f.want) {
		f.want = append(f.want, make([]byte, end-len(f.want))...)
	}
	copy(f.want[off:], p)
}

func (m *model) write(t *rapid.T) {
	f := m.file(t)
	off := rapid.IntRange(0, len(f.want)+40).Draw(t, "offset")
	p := fresh(rapid.IntRange(1, 40).Draw(t, "length"))
	if off+len(p) > int(m.engine.MaxFileSize()) {
		return
	}
	n, err := f.WriteAt(p, int64(off))
	must(t, err)
	if n != len(p) {
		t.Fatalf("wrote %d of %d bytes", n, len(p))
	}
	f.put(p, off)
}

func (m *model) stream(t *rapid.T) {
	f := m.file(t)
	for range rapid.IntRange(1, 20).Draw(t, "appends") {
		p := fresh(rapid.IntRange(1, 12).Draw(t, "length"))
		if len(f.want)+len(p) > int(m.engine.MaxFileSize()) {
			return
		}
		off, _, err := f.Append(p)
		must(t, err)
		if off != int64(len(f.want)) {
			t.Fatalf("appended at %d, not at %d", off, len(f.want))
		}
		f.put(p, int(off))
	}
}

func (m *model) read(t *rapid.T) {
	f := m.file(t)
	off := rapid.IntRange(0, len(f.want)).Draw(t, "offset")
	f.expect(t, off, rapid.IntRange(0, 60).Draw(t, "length"))
}

func (f *modelFile) expect(t *rapid.T, off, length int) {
	p := make([]byte, length)
	n, err := f.ReadAt(p, int64(off))
	want := f.want[off:min(len(f.want), off+length)]
	if err == io.EOF && n < length {
		err = nil
	}
	must(t, err)
	if !bytes.Equal(p[:n], want) {
		t.Fatalf("read %v at %d, want %v", p[:n], off, want)
	}
}

func (m *model) truncate(t *rapid.T) {
	f := m.file(t)
	size := rapid.IntRange(0, min(len(f.want)+40, int(m.engine.MaxFileSize()))).Draw(t, "size")
	must(t, f.Truncate(int64(size)))
	if size <= len(f.want) {
		f.want = f.want[:size:size]
	} else {
		f.put(nil, size)
	}
}

func (m *model) publish(t *rapid.T) {
	f := m.file(t)
	must(t, f.Publish())
	f.check(t, m.store)
}

func (f *modelFile) check(t *rapid.T, store *s3fake.Store) {
	got, ok := store.Bytes(f.key)
	if !ok || !bytes.Equal(got, f.want) {
		t.Fatalf("object %v, want %v", got, f.want)
	}
	f.published = bytes.Clone(f.want)
}

func (m *model) reopen(t *rapid.T) {
	f := m.file(t)
	must(t, f.Close())
	f.check(t, m.store)
	object, ok := m.store.Object(f.key)
	if !ok {
		t.Fatal("closed, but there is no object")
	}
	f.File = m.engine.Open(object, writer.FileOptions{})
}

func (m *model) copy(t *rapid.T) {
	from, to := m.file(t), m.file(t)
	must(t, from.Publish())
	from.check(t, m.store)
	object, _ := from.Object()
	if object.Size == 0 {
		return
	}
	at := rapid.Int64Range(0, object.Size-1).Draw(t, "at")
	n := rapid.Int64Range(1, object.Size-at).Draw(t, "n")
	dst := rapid.Int64Range(0, int64(len(to.want))).Draw(t, "to")
	if rapid.Bool().Draw(t, "whole") {
		at, n, dst = 0, object.Size, 0
	}
	if dst+n > m.engine.MaxFileSize() {
		return
	}
	must(t, to.CopyFrom(object, at, dst, n))
	to.put(slices.Clone(from.want[at:at+n]), int(dst))
}

// unlink takes a file's name away, and begins a new one of that name.
func (m *model) unlink(t *rapid.T) {
	f := m.file(t)
	must(t, f.Unlink(func() (*writer.Object, error) { m.store.Remove(f.key); return nil, nil }))
	m.forget(t)
	m.unlinked = &modelFile{File: f.File, key: f.key, want: f.want}
	f.File, f.want, f.published = m.engine.Create(f.key, writer.FileOptions{}), []byte{}, nil
}

// forget closes the file without a name, which must not become an object.
func (m *model) forget(t *rapid.T) {
	if f := m.unlinked; f != nil {
		m.unlinked = nil
		_ = f.Close() // may have lost its base
	}
}

// goOn writes to the file without a name, and reads all of it: each byte is
// right or cannot be read.
func (m *model) goOn(t *rapid.T) {
	f := m.unlinked
	if f == nil {
		return
	}
	p := fresh(rapid.IntRange(1, 40).Draw(t, "length"))
	off := rapid.IntRange(0, len(f.want)).Draw(t, "offset")
	if off+len(p) > int(m.engine.MaxFileSize()) {
		return
	}
	switch _, err := f.WriteAt(p, int64(off)); {
	case errors.Is(err, writer.ErrStale):
		return
	default:
		must(t, err)
	}
	f.put(p, off)
	for at := range f.want {
		var got [1]byte
		_, err := f.ReadAt(got[:], int64(at))
		if errors.Is(err, writer.ErrUnlinked) || errors.Is(err, writer.ErrStale) {
			continue
		}
		if must(t, err); got[0] != f.want[at] {
			t.Fatalf("byte %d of the unlinked file is %d, want %d", at, got[0], f.want[at])
		}
	}
}

// sizes is what must hold at every moment.
func (m *model) sizes(t *rapid.T) {
	for _, f := range m.files {
		if f.Size() != int64(len(f.want)) {
			t.Fatalf("%s: size %d, want %d", f.key, f.Size(), len(f.want))
		}
	}
	if used, size := m.engine.Memory().Used(), m.engine.Memory().Size(); used > size {
		t.Fatalf("%d bytes of memory used of %d", used, size)
	}
}

func (m *model) close(t *rapid.T) {
	for _, f := range m.files {
		f.expect(t, 0, len(f.want))
		must(t, f.Close())
		f.check(t, m.store)
		if _, err := f.WriteAt([]byte{1}, 0); !errors.Is(err, writer.ErrClosed) {
			t.Fatalf("write after close: %v", err)
		}
	}
	m.forget(t)
	if left := m.store.Uploads(); len(left) > 0 {
		t.Fatalf("uploads left behind: %v", left)
	}
	must(t, m.engine.Close())
}
