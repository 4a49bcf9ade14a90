package writer_test

import (
	"bytes"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/s3fake"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
	"github.com/s3mpfs/s3mpfs/writer"
)

// story is a file that is written while one S3 call goes wrong. It ends with
// the first error.
type story struct {
	store  *s3fake.Store
	engine *writer.Engine
	f      *writer.File
	want   []byte
	states [][]byte // since the last publish without an error, which is the first
	err    error
}

func (s *story) did(err error) {
	s.states = append(s.states, bytes.Clone(s.want))
	if s.err == nil {
		s.err = err
	}
}

func (s *story) write(off, n int) {
	if s.err != nil {
		return
	}
	p := fresh(n)
	_, err := s.f.WriteAt(p, int64(off))
	before := s.want
	for k := range p { // memory may run out, and the file be published, anywhere
		s.want = put(bytes.Clone(before), p[:k+1], off)
		s.did(nil)
	}
	s.did(err)
}

func put(to, p []byte, off int) []byte {
	if end := off + len(p); end > len(to) {
		to = append(to, make([]byte, end-len(to))...)
	}
	copy(to[off:], p)
	return to
}

func (s *story) append(n int) { s.write(len(s.want), n) }

func (s *story) truncate(size int) {
	if s.err != nil {
		return
	}
	err := s.f.Truncate(int64(size))
	s.want = append(s.want[:min(size, len(s.want)):min(size, len(s.want))], make([]byte, max(0, size-len(s.want)))...)
	s.did(err)
}

func (s *story) read(off, n int) {
	if s.err != nil {
		return
	}
	p := make([]byte, n)
	got, err := s.f.ReadAt(p, int64(off))
	if err == nil && !bytes.Equal(p[:got], s.want[off:off+n]) {
		panic("a read that differs")
	}
	if err != io.EOF {
		s.err = err
	}
}

func (s *story) publish() {
	if s.err != nil {
		return
	}
	if s.did(s.f.Publish()); s.err == nil {
		s.states = [][]byte{bytes.Clone(s.want)}
	}
}

// copy copies from the object "other".
func (s *story) copy(at, dst, n int) {
	if s.err != nil {
		return
	}
	other, _ := s.store.Object("other")
	content, _ := s.store.Bytes("other")
	err := s.f.CopyFrom(other, int64(at), int64(dst), int64(n))
	before := s.want
	for k := range n {
		s.want = put(bytes.Clone(before), content[at:at+k+1], dst)
		s.did(nil)
	}
	s.did(err)
}

// stories begin with an object of so many bytes, or with none.
var stories = []struct {
	name string
	base int // -1: none
	tell func(s *story)
}{
	{"new", -1, func(s *story) { s.write(0, 100) }},
	{"new and small", -1, func(s *story) { s.write(0, 7) }},
	{"synced twice", -1, func(s *story) { s.write(0, 50); s.publish(); s.append(30); s.publish(); s.append(3) }},
	{"append to a small object", 6, func(s *story) { s.append(50) }},
	{"append little to a small object", 6, func(s *story) { s.append(2) }},
	{"append to a large object", 150, func(s *story) { s.append(50); s.publish(); s.append(3) }},
	{"edit a small object", 6, func(s *story) { s.write(2, 1) }},
	{"edit the middle of a large object", 200, func(s *story) { s.write(100, 1); s.write(30, 40) }},
	{"edit the ends of a large object", 200, func(s *story) { s.write(0, 3); s.write(199, 3) }},
	{"patch the header", -1, func(s *story) { s.write(0, 90); s.write(3, 4); s.publish(); s.write(5, 4) }},
	{"read back what was sent", -1, func(s *story) { s.write(0, 120); s.read(30, 40); s.write(40, 20); s.append(9) }},
	{"cut a large object", 200, func(s *story) { s.truncate(77); s.append(20); s.truncate(10) }},
	{"lengthen a large object", 200, func(s *story) { s.truncate(230); s.append(2) }},
	{"empty a large object", 200, func(s *story) { s.truncate(0); s.append(33) }},
	{"copy a whole object", -1, func(s *story) { s.copy(0, 0, 120) }},
	{"copy ranges", 100, func(s *story) { s.copy(20, 100, 60); s.copy(0, 10, 30); s.append(12) }},
	{"copy a few bytes", 100, func(s *story) { s.copy(20, 40, 5); s.copy(0, 105, 3) }},
	{"scattered beyond memory and numbers", 240, func(s *story) {
		for off := 3; off < 230; off += 17 {
			s.write(off, 5)
		}
	}},
}

// TestEveryCallInTurn tells each story with its first call going wrong, its
// second, and so on. Where no error is reported the object is exact; else it is
// what was published last or the file as it was since, whole. Nothing is left
// behind that the log does not name.
func TestEveryCallInTurn(t *testing.T) {
	for name, fault := range map[string]s3fake.Fault{
		"403":            {Class: writer.ErrAccess, Code: "AccessDenied", Status: 403},
		"404 upload":     {Class: writer.ErrNoSuchUpload, Code: "NoSuchUpload", Status: 404},
		"409":            {Class: writer.ErrConflict, Code: "ConditionalRequestConflict", Status: 409},
		"500":            {Class: writer.ErrUnavailable, Code: "InternalError", Status: 500},
		"200 with error": {Class: writer.ErrUnavailable, Code: "InternalError", Status: 200},
		"lost answer":    s3fake.LostAnswer,
	} {
		for _, story := range stories {
			t.Run(name+"/"+story.name, func(t *testing.T) {
				for n := 1; goesWrong(t, fault, n, story.base, story.tell); n++ {
				}
			})
		}
	}
}

// goesWrong tells a story whose n-th call goes wrong, and tells whether there
// was one.
func goesWrong(t *testing.T, fault s3fake.Fault, n, base int, tell func(*story)) bool {
	t.Helper()
	var log bytes.Buffer
	s := &story{store: s3fake.New(s3fake.Options{Limits: tiny, Checksum: writer.CRC64NVME})}
	var err error
	s.engine, err = writer.New(s.store, writer.Options{
		PartSize: 16, BlockSize: 4, MaxHole: 40, Limits: tiny, Memory: 100, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.store.Set("other", fresh(120), writer.Attributes{})
	if base < 0 {
		s.f = s.engine.Create("key", writer.FileOptions{})
	} else {
		s.want = fresh(base)
		s.f = s.engine.Open(s.store.Set("key", s.want, writer.Attributes{}), writer.FileOptions{})
		s.states = [][]byte{bytes.Clone(s.want)}
	}
	var struck string
	s.store.Inject(func(c s3fake.Call) s3fake.Fault {
		if c.N == n {
			struck = c.Op
			return fault
		}
		return s3fake.Fault{}
	})
	tell(s)
	s.publish()
	_ = s.f.Release()
	if err := s.engine.Close(); err != nil { // all goroutines have ended
		t.Errorf("call %d: %v", n, err)
	}
	s.verify(t, n, struck, base >= 0)
	for _, u := range s.store.Uploads() {
		if lost := struck == s3op.CreateMultipartUpload && fault.Acted; !lost && !strings.Contains(log.String(), u.ID) {
			t.Errorf("call %d, %s: an upload is left behind, and not in the log:\n%s", n, struck, log.String())
		}
	}
	return struck != ""
}

func (s *story) verify(t *testing.T, n int, struck string, existed bool) {
	t.Helper()
	got, exists := s.store.Bytes("key")
	switch {
	case s.err == nil:
		if !exists || !bytes.Equal(got, s.want) {
			t.Errorf("call %d, %s, no error: the object of %d bytes differs from the %d wanted", n, struck, len(got), len(s.want))
		}
	case struck == "":
		t.Errorf("an error although nothing went wrong: %v", s.err)
	case !exists:
		if existed {
			t.Errorf("call %d, %s, %v: the object is gone", n, struck, s.err)
		}
	case !slices.ContainsFunc(s.states, func(state []byte) bool { return bytes.Equal(got, state) }):
		t.Errorf("call %d, %s, %v: the object of %d bytes is what the file never was", n, struck, s.err, len(got))
	}
}
