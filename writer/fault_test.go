package writer_test

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/s3mpfs/s3mpfs/internal/s3fake"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
	"github.com/s3mpfs/s3mpfs/writer"
)

// TestAnyWritePatternWithFaults does random things to one file while S3 calls
// fail now and then, before or after S3 acted. What is reported as published
// must be there exactly; after a reported error the object must be the file as
// it was at some earlier moment, whole, or must not be there at all.
func TestAnyWritePatternWithFaults(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := tiny
		limits.MaxParts, limits.MaxObject = 100, 4000
		store := s3fake.New(s3fake.Options{Limits: limits, Checksum: writer.CRC64NVME})
		m := &faulty{model: newModel(t, store, func(o *writer.Options) { o.Limits = limits }), states: [][]byte{{}}}
		for _, f := range m.files[1:] {
			must(t, f.Release())
		}
		m.f = m.files[0]
		rate := rapid.IntRange(2, 40).Draw(t, "one call in n fails")
		seed := rapid.Uint64().Draw(t, "seed")
		store.Inject(func(c s3fake.Call) s3fake.Fault { return randomFault(c, seed, rate) })
		t.Repeat(map[string]func(*rapid.T){
			"write": m.write, "append": m.append, "truncate": m.truncate,
			"read": m.read, "publish": m.publish, "reopen": m.reopen, "": m.sane,
		})
		m.end(t)
	})
}

// randomFault lets one call in rate fail, one in three of those after it acted.
// Clean-up works, and a CreateMultipartUpload that acted is answered: what
// becomes of uploads that nobody can know of is not the question here.
func randomFault(c s3fake.Call, seed uint64, rate int) s3fake.Fault {
	x := (seed ^ uint64(c.N)) * 0x9e3779b97f4a7c15
	x ^= x >> 29
	if c.Op == s3op.AbortMultipartUpload || x%uint64(rate) != 0 {
		return s3fake.Fault{}
	}
	switch x >> 32 % 3 {
	case 0:
		return s3fake.Refuse(writer.ErrAccess)
	case 1:
		return s3fake.Refuse(writer.ErrUnavailable)
	}
	if c.Op == s3op.CreateMultipartUpload {
		return s3fake.Fault{}
	}
	return s3fake.LostAnswer
}

// faulty is a file whose store fails, and every state the file was ever in.
type faulty struct {
	*model
	f      *modelFile
	states [][]byte
}

// did notes the state after a step, and what an error means for what follows.
func (m *faulty) did(t *rapid.T, err error) {
	m.states = append(m.states, bytes.Clone(m.f.want))
	if err == nil {
		return
	}
	if !errors.Is(err, writer.ErrAccess) && !errors.Is(err, writer.ErrUnavailable) {
		t.Fatalf("an error that no fault explains: %v", err)
	}
	if again := m.f.Publish(); !errors.Is(again, err) && again == nil {
		t.Fatalf("after %v a publish succeeded", err)
	}
	m.recover(t)
}

// recover looks at what a failed file left, and begins anew.
func (m *faulty) recover(t *rapid.T) {
	_ = m.f.Release()
	if left := m.store.Uploads(); len(left) > 0 {
		t.Fatalf("uploads left behind: %v", left)
	}
	got, ok := m.store.Bytes(m.f.key)
	known := !ok
	for _, state := range m.states {
		known = known || bytes.Equal(got, state)
	}
	if !known {
		t.Fatalf("the object is %v, which the file never was", got)
	}
	object, ok := m.store.Object(m.f.key)
	if !ok {
		m.f.File, m.f.want = m.engine.Create(m.f.key, writer.FileOptions{}), []byte{}
	} else {
		m.f.File, m.f.want = m.engine.Open(object, writer.FileOptions{}), got
	}
	m.states = append(m.states, bytes.Clone(m.f.want))
}

func (m *faulty) write(t *rapid.T) {
	off := rapid.IntRange(0, len(m.f.want)+40).Draw(t, "offset")
	m.putAt(t, off, fresh(rapid.IntRange(1, 40).Draw(t, "length")))
}

func (m *faulty) append(t *rapid.T) {
	for range rapid.IntRange(1, 12).Draw(t, "appends") {
		m.putAt(t, len(m.f.want), fresh(rapid.IntRange(1, 12).Draw(t, "length")))
	}
}

// putAt writes, and notes each state on the way: memory may run out, and the
// file be published, after any block.
func (m *faulty) putAt(t *rapid.T, off int, p []byte) {
	if off+len(p) > 400 {
		return
	}
	_, err := m.f.WriteAt(p, int64(off))
	for n := range p {
		m.f.put(p[:n+1], off)
		m.states = append(m.states, bytes.Clone(m.f.want))
	}
	m.did(t, err)
}

func (m *faulty) truncate(t *rapid.T) {
	size := rapid.IntRange(0, min(len(m.f.want)+40, 400)).Draw(t, "size")
	err := m.f.Truncate(int64(size))
	if size <= len(m.f.want) {
		m.f.want = m.f.want[:size:size]
	} else {
		m.f.put(nil, size)
	}
	m.did(t, err)
}

func (m *faulty) read(t *rapid.T) {
	off := rapid.IntRange(0, len(m.f.want)).Draw(t, "offset")
	p := make([]byte, rapid.IntRange(0, 60).Draw(t, "length"))
	n, err := m.f.ReadAt(p, int64(off))
	if m.f.Err() != nil {
		m.did(t, m.f.Err())
		return
	}
	if want := m.f.want[off:min(len(m.f.want), off+len(p))]; n > 0 && !bytes.Equal(p[:n], want[:n]) {
		t.Fatalf("read %v, want %v (error %v)", p[:n], want, err)
	}
}

func (m *faulty) publish(t *rapid.T) {
	err := m.f.Publish()
	if err == nil {
		m.f.check(t, m.store)
	}
	m.did(t, err)
}

func (m *faulty) reopen(t *rapid.T) {
	if err := m.f.Publish(); err != nil {
		m.did(t, err)
		return
	}
	m.f.check(t, m.store)
	must(t, m.f.Release())
	object, _ := m.store.Object(m.f.key)
	m.f.File = m.engine.Open(object, writer.FileOptions{})
}

func (m *faulty) sane(t *rapid.T) {
	if used, size := m.engine.Memory().Used(), m.engine.Memory().Size(); used > size {
		t.Fatalf("%d bytes of memory used of %d", used, size)
	}
}

func (m *faulty) end(t *rapid.T) {
	if err := m.f.Publish(); err == nil {
		m.f.check(t, m.store)
	} else {
		m.recover(t)
	}
	_ = m.f.Release()
	must(t, m.engine.Close())
}
