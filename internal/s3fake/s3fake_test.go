package s3fake

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/s3op"
	"github.com/s3mpfs/s3mpfs/writer"
)

var small = writer.Limits{MaxParts: 4, MinPart: 4, MaxPart: 16, MaxCopy: 16, MinCopySource: 4, MaxObject: 40}

// code is S3's code in err.
func code(t *testing.T, err error) string {
	t.Helper()
	var s *writer.StoreError
	if !errors.As(err, &s) {
		t.Fatalf("%v (%T) is no StoreError", err, err)
	}
	return s.Code
}

func body(text string) writer.Body { return writer.NewBody(writer.None, []byte(text)) }

// begin starts an upload of the parts and gives what S3 answered for each.
func begin(t *testing.T, s *Store, key string, texts ...string) (writer.Upload, []writer.Part) {
	t.Helper()
	u, err := s.CreateMultipartUpload(t.Context(), key, writer.Attributes{}, writer.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	var parts []writer.Part
	for i, text := range texts {
		p, err := s.UploadPart(t.Context(), u, int32(i+1), body(text))
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, p)
	}
	return u, parts
}

func TestLimits(t *testing.T) {
	s := New(Options{Limits: small})
	u, _ := begin(t, s, "k")
	src := s.Set("src", make([]byte, 20), writer.Attributes{})
	tiny := s.Set("tiny", make([]byte, 4), writer.Attributes{})
	part := func(n int32, size int) error {
		_, err := s.UploadPart(t.Context(), u, n, body(string(make([]byte, size))))
		return err
	}
	copied := func(src writer.Object, off, n int64) error {
		_, err := s.UploadPartCopy(t.Context(), u, 1, src, off, n)
		return err
	}
	put := func(size int) error {
		_, err := s.PutObject(t.Context(), "p", writer.Attributes{}, body(string(make([]byte, size))), writer.Condition{})
		return err
	}
	_, copyWhole := s.CopyObject(t.Context(), src, "c", writer.Attributes{}, writer.Condition{})
	for name, c := range map[string]struct {
		err  error
		code string
	}{
		"part number 0":              {part(0, 1), "InvalidArgument"},
		"part number above":          {part(5, 1), "InvalidArgument"},
		"part too large":             {part(1, 17), "EntityTooLarge"},
		"object too large":           {put(17), "EntityTooLarge"},
		"copied part too large":      {copied(src, 0, 17), "InvalidRequest"},
		"copied range beyond end":    {copied(src, 15, 6), "InvalidArgument"},
		"range of a tiny source":     {copied(tiny, 0, 3), "InvalidRequest"},
		"copy of a too large object": {copyWhole, "InvalidRequest"},
	} {
		if got := code(t, c.err); got != c.code {
			t.Errorf("%s: %s, want %s", name, got, c.code)
		}
	}
	for name, err := range map[string]error{
		"largest part": part(4, 16), "largest put": put(16),
		"largest copy": copied(src, 4, 16), "whole tiny source": copied(tiny, 0, 4),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestObjectTooLarge(t *testing.T) {
	s := New(Options{Limits: small})
	p := string(make([]byte, 16))
	u, parts := begin(t, s, "k", p, p, p)
	_, err := s.CompleteMultipartUpload(t.Context(), u, parts, writer.Completion{Size: 48})
	if code(t, err) != "EntityTooLarge" || !errors.Is(err, writer.ErrTooLarge) {
		t.Fatal(err)
	}
}

func TestRealETags(t *testing.T) {
	s := New(Options{Limits: small, MD5: true})
	u, parts := begin(t, s, "k", "hello", "world")
	if want := `"5d41402abc4b2a76b9719d911017c592"`; parts[0].ETag != want {
		t.Errorf("part: %s, want %s", parts[0].ETag, want)
	}
	o, err := s.CompleteMultipartUpload(t.Context(), u, parts, writer.Completion{Size: 10})
	if err != nil {
		t.Fatal(err)
	}
	// (printf hello | md5sum; printf world | md5sum) | cut -c1-32 | xxd -r -p | md5sum
	if want := `"065947336a2f2a95ba8899f3675c3be6-2"`; o.ETag != want {
		t.Errorf("object: %s, want %s", o.ETag, want)
	}
}

func TestContentIsImmutable(t *testing.T) {
	s := New(Options{})
	p := []byte("before")
	if _, err := s.PutObject(t.Context(), "k", writer.Attributes{}, writer.NewBody(writer.None, p), writer.Condition{}); err != nil {
		t.Fatal(err)
	}
	copy(p, "after!")
	got, _ := s.Bytes("k")
	copy(got, "after!")
	if again, _ := s.Bytes("k"); string(again) != "before" {
		t.Fatalf("%q", again)
	}
}

func TestContentPieces(t *testing.T) {
	whole := make([]byte, 3*joinCopy)
	for i := range whole {
		whole[i] = byte(i >> 8)
	}
	c := join([]content{contentOf(whole[:7]), contentOf(whole[7:joinCopy]), contentOf(nil), contentOf(whole[joinCopy:])})
	if len(c.blocks) != 3 {
		t.Fatalf("%d blocks", len(c.blocks))
	}
	for _, r := range [][2]int64{{0, 0}, {0, 7}, {3, 9}, {6, 1}, {7, joinCopy}, {joinCopy - 1, 2}, {0, 3 * joinCopy}, {3 * joinCopy, 0}} {
		part := c.slice(r[0], r[1])
		if !bytes.Equal(part.bytes(), whole[r[0]:r[0]+r[1]]) || part.size != r[1] {
			t.Errorf("slice %v differs", r)
		}
		p := make([]byte, r[1])
		if n := c.readAt(p, r[0]); int64(n) != r[1] || !bytes.Equal(p, whole[r[0]:r[0]+r[1]]) {
			t.Errorf("read %v differs", r)
		}
	}
}

func TestFaults(t *testing.T) {
	s := New(Options{})
	put := func() error {
		_, err := s.PutObject(t.Context(), "k", writer.Attributes{}, body("x"), writer.Condition{})
		return err
	}
	s.Inject(func(c Call) Fault {
		want := Call{Op: s3op.PutObject, Key: "k", N: 1, OpN: 1}
		if c != want {
			t.Errorf("call %+v, want %+v", c, want)
		}
		return Fault{Class: writer.ErrAccess, Code: "AccessDenied", Status: 403}
	})
	if err := put(); !errors.Is(err, writer.ErrAccess) || code(t, err) != "AccessDenied" {
		t.Fatal(err)
	}
	if keys := s.Keys(); len(keys) != 0 {
		t.Fatalf("a refused call made %v", keys)
	}
	s.FailNth(2, LostAnswer)
	if _, err := s.HeadObject(t.Context(), "k"); !errors.Is(err, writer.ErrNotFound) {
		t.Fatal(err)
	}
	if err := put(); !errors.Is(err, writer.ErrUnavailable) {
		t.Fatal(err)
	}
	if keys := s.Keys(); len(keys) != 1 {
		t.Fatalf("a call whose answer was lost made %v", keys)
	}
	if err := put(); err != nil {
		t.Fatal(err)
	}
}

func TestCounts(t *testing.T) {
	s := New(Options{Limits: small})
	u, parts := begin(t, s, "k", "12345", "678")
	o, err := s.CompleteMultipartUpload(t.Context(), u, parts, writer.Completion{Size: 8})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ReadRange(t.Context(), o, 2, make([]byte, 3), make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	c := s.Counts()
	want := map[string]int{s3op.CreateMultipartUpload: 1, s3op.UploadPart: 2, s3op.CompleteMultipartUpload: 1, s3op.GetObject: 1}
	if !reflect.DeepEqual(c.Requests, want) || c.Total() != 5 || c.Uploaded != 8 || c.Downloaded != 5 {
		t.Fatalf("%+v", c)
	}
	s.ResetCounts()
	if c := s.Counts(); c.Total() != 0 || c.Uploaded != 0 || len(c.Requests) != 0 {
		t.Fatalf("%+v after the reset", c)
	}
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Latency: func(string) time.Duration { return time.Minute }})
		begun := time.Now()
		if _, err := s.HeadObject(t.Context(), "k"); !errors.Is(err, writer.ErrNotFound) {
			t.Fatal(err)
		}
		if took := time.Since(begun); took != time.Minute {
			t.Fatalf("took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.HeadObject(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	})
}

func BenchmarkTinyUpload(b *testing.B) {
	s := New(Options{Limits: small, Checksum: writer.CRC64NVME})
	p := writer.NewBody(writer.CRC64NVME, []byte("12345678"))
	b.ReportAllocs()
	for b.Loop() {
		u, _ := s.CreateMultipartUpload(b.Context(), "k", writer.Attributes{}, writer.Condition{})
		q, _ := s.UploadPart(b.Context(), u, 1, p)
		if _, err := s.CompleteMultipartUpload(b.Context(), u, []writer.Part{q}, writer.Completion{Size: 8}); err != nil {
			b.Fatal(err)
		}
	}
}
