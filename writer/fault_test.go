package writer_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/s3mpfs/s3mpfs/internal/s3fake"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
	"github.com/s3mpfs/s3mpfs/writer"
)

// TestAnyWritePatternWithFaults does random things to some files while S3 calls
// fail now and then, before or after S3 acted. What is reported as published
// must be there exactly; after a reported error the object must be the file as
// it was when it was published last or at some moment since, whole.
func TestAnyWritePatternWithFaults(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := tiny
		limits.MaxParts, limits.MaxObject = 100, 4000
		store := s3fake.New(s3fake.Options{Limits: limits, Checksum: writer.CRC64NVME})
		m := &faulty{model: newModel(t, store, func(o *writer.Options) { o.Limits = limits })}
		for _, f := range m.model.files {
			m.files = append(m.files, &faultyFile{modelFile: f, states: [][]byte{{}}})
		}
		rate := rapid.IntRange(2, 40).Draw(t, "one call in n fails")
		seed := rapid.Uint64().Draw(t, "seed")
		store.Inject(func(c s3fake.Call) s3fake.Fault { return randomFault(c, seed, rate) })
		t.Repeat(map[string]func(*rapid.T){
			"write": m.write, "append": m.append, "truncate": m.truncate, "copy": m.copy,
			"read": m.read, "publish": m.publish, "reopen": m.reopen, "drain": m.drain, "": m.sane,
		})
		m.end(t)
	})
}

// faults are the classes of what goes wrong.
var faults = []error{writer.ErrAccess, writer.ErrConflict, writer.ErrUnavailable, writer.ErrQuota}

// randomFault lets one call in rate fail, one in three of those after it acted.
// Clean-up works, and a CreateMultipartUpload that acted is answered: what
// becomes of uploads that nobody can know of is not the question here.
func randomFault(c s3fake.Call, seed uint64, rate int) s3fake.Fault {
	x := (seed ^ uint64(c.N)) * 0x9e3779b97f4a7c15
	x ^= x >> 29
	switch {
	case c.Op == s3op.AbortMultipartUpload || x%uint64(rate) != 0:
		return s3fake.Fault{}
	case x>>32%3 > 0:
		return s3fake.Refuse(faults[x>>40%uint64(len(faults))])
	case c.Op == s3op.CreateMultipartUpload:
		return s3fake.Fault{}
	}
	return s3fake.LostAnswer
}

// faulty are files whose store fails.
type faulty struct {
	*model
	files []*faultyFile
}

// faultyFile is a file with every state it was in since it was published last.
type faultyFile struct {
	*modelFile
	states [][]byte
}

func (m *faulty) file(t *rapid.T) *faultyFile {
	return m.files[rapid.IntRange(0, len(m.files)-1).Draw(t, "file")]
}

func (f *faultyFile) note() { f.states = append(f.states, bytes.Clone(f.want)) }

// puts notes each state on the way: memory may run out, and the file be
// published, after any byte.
func (f *faultyFile) puts(p []byte, off int) {
	for n := range p {
		f.put(p[:n+1], off)
		f.note()
	}
}

// checked is check after a publish without an error.
func (m *faulty) checked(t *rapid.T, f *faultyFile) {
	f.check(t, m.store)
	f.states = [][]byte{bytes.Clone(f.want)}
}

// did notes what an error means for what follows.
func (m *faulty) did(t *rapid.T, f *faultyFile, err error) {
	f.note()
	if err == nil {
		return
	}
	explained(t, err)
	if again := f.Publish(); again == nil {
		t.Fatalf("after %v a publish succeeded", err)
	}
	m.recover(t, f)
}

func explained(t *rapid.T, err error) {
	if !slices.ContainsFunc(faults, func(class error) bool { return errors.Is(err, class) }) {
		t.Fatalf("an error that no fault explains: %v", err)
	}
}

// recover looks at what a failed file left, and begins anew.
func (m *faulty) recover(t *rapid.T, f *faultyFile) {
	_ = f.Release()
	for _, u := range m.store.Uploads() {
		if u.Key == f.key {
			t.Fatalf("upload left behind: %v", u)
		}
	}
	got, ok := m.store.Bytes(f.key)
	known := !ok && f.published == nil
	for _, state := range f.states {
		known = known || ok && bytes.Equal(got, state)
	}
	if !known {
		t.Fatalf("the object is %v (%v), which the file never was since it was %v", got, ok, f.published)
	}
	if object, ok := m.store.Object(f.key); !ok {
		f.File, f.want = m.engine.Create(f.key, writer.FileOptions{}), []byte{}
	} else {
		f.File, f.want, f.published = m.engine.Open(object, writer.FileOptions{}), got, got
	}
	f.states = [][]byte{bytes.Clone(f.want)}
}

func (m *faulty) write(t *rapid.T) {
	f := m.file(t)
	off := rapid.IntRange(0, len(f.want)+40).Draw(t, "offset")
	m.putAt(t, f, off, fresh(rapid.IntRange(1, 40).Draw(t, "length")))
}

func (m *faulty) append(t *rapid.T) {
	f := m.file(t)
	for range rapid.IntRange(1, 12).Draw(t, "appends") {
		m.putAt(t, f, len(f.want), fresh(rapid.IntRange(1, 12).Draw(t, "length")))
	}
}

func (m *faulty) putAt(t *rapid.T, f *faultyFile, off int, p []byte) {
	if off+len(p) > 400 {
		return
	}
	_, err := f.WriteAt(p, int64(off))
	f.puts(p, off)
	m.did(t, f, err)
}

func (m *faulty) truncate(t *rapid.T) {
	f := m.file(t)
	size := rapid.IntRange(0, min(len(f.want)+40, 400)).Draw(t, "size")
	err := f.Truncate(int64(size))
	if size <= len(f.want) {
		f.want = f.want[:size:size]
	} else {
		f.put(nil, size)
	}
	m.did(t, f, err)
}

// copy copies between files or within one. Where only the source could not be
// read the target has not changed.
func (m *faulty) copy(t *rapid.T) {
	from, to := m.file(t), m.file(t)
	if err := from.Publish(); err != nil {
		m.did(t, from, err)
		return
	}
	m.checked(t, from)
	object, _ := from.Object()
	if object.Size == 0 {
		return
	}
	at := rapid.Int64Range(0, object.Size-1).Draw(t, "at")
	n := rapid.Int64Range(1, object.Size-at).Draw(t, "n")
	dst := rapid.Int64Range(0, int64(len(to.want))).Draw(t, "to")
	if dst+n > 400 {
		return
	}
	bytes := slices.Clone(from.want[at : at+n])
	err := to.CopyFrom(object, at, dst, n)
	if err != nil && to.Err() == nil {
		explained(t, err)
		return
	}
	to.puts(bytes, int(dst))
	m.did(t, to, err)
}

func (m *faulty) read(t *rapid.T) {
	f := m.file(t)
	off := rapid.IntRange(0, len(f.want)).Draw(t, "offset")
	p := make([]byte, rapid.IntRange(0, 60).Draw(t, "length"))
	n, err := f.ReadAt(p, int64(off))
	if f.Err() != nil {
		m.did(t, f, f.Err())
		return
	}
	if want := f.want[off:min(len(f.want), off+len(p))]; n > 0 && !bytes.Equal(p[:n], want[:n]) {
		t.Fatalf("read %v, want %v (error %v)", p[:n], want, err)
	}
}

func (m *faulty) publish(t *rapid.T) {
	f := m.file(t)
	err := f.Publish()
	if err == nil {
		m.checked(t, f)
	}
	m.did(t, f, err)
}

func (m *faulty) drain(t *rapid.T) {
	f := m.file(t)
	m.did(t, f, f.Drain())
}

func (m *faulty) reopen(t *rapid.T) {
	f := m.file(t)
	if err := f.Publish(); err != nil {
		m.did(t, f, err)
		return
	}
	m.checked(t, f)
	must(t, f.Release())
	object, _ := m.store.Object(f.key)
	f.File = m.engine.Open(object, writer.FileOptions{})
}

func (m *faulty) sane(t *rapid.T) {
	if used, size := m.engine.Memory().Used(), m.engine.Memory().Size(); used > size {
		t.Fatalf("%d bytes of memory used of %d", used, size)
	}
}

func (m *faulty) end(t *rapid.T) {
	for _, f := range m.files {
		if err := f.Publish(); err == nil {
			m.checked(t, f)
		} else {
			m.recover(t, f)
		}
		_ = f.Release()
	}
	if left := m.store.Uploads(); len(left) > 0 {
		t.Fatalf("uploads left behind: %v", left)
	}
	must(t, m.engine.Close())
}
