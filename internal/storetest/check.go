package storetest

import (
	"bytes"
	"errors"
	"slices"

	"github.com/s3mpfs/s3mpfs/writer"
)

// body gives p in two blocks, with the checksum the store was opened with.
func (t *suite) body(p []byte) writer.Body {
	half := len(p) / 2
	return writer.NewBody(t.Checksum, p[:half], p[half:])
}

// sum is the checksum of p as the store was opened with.
func (t *suite) sum(p []byte) writer.Checksum {
	return writer.NewBody(t.Checksum, p).Checksum
}

func (t *suite) put(key string, p []byte) writer.Object {
	t.Helper()
	return t.putWith(key, p, writer.Attributes{})
}

func (t *suite) putWith(key string, p []byte, attrs writer.Attributes) writer.Object {
	t.Helper()
	o, err := t.s.PutObject(t.Context(), key, attrs, t.body(p), writer.Condition{})
	if err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
	return o
}

func (t *suite) head(key string) writer.Object {
	t.Helper()
	o, err := t.s.HeadObject(t.Context(), key)
	if err != nil {
		t.Fatalf("head %q: %v", key, err)
	}
	return o
}

// holds verifies that made, which a call returned, is the current version of
// its key, and that this is an object of the bytes want.
func (t *suite) holds(made writer.Object, want []byte) {
	t.Helper()
	o := t.head(made.Key)
	if made.ETag == "" || o.ETag != made.ETag {
		t.Errorf("%q has the ETag %q; what made it said %q", made.Key, o.ETag, made.ETag)
	}
	if o.Key != made.Key || o.Size != int64(len(want)) || made.Size != o.Size {
		t.Errorf("%q of %d bytes, made as %d, want %d", o.Key, o.Size, made.Size, len(want))
	}
	for _, sum := range []writer.Checksum{o.Checksum, made.Checksum} {
		if !t.UncheckedSums && sum.Algorithm != writer.None && sum != writer.NewBody(sum.Algorithm, want).Checksum {
			t.Errorf("%q: %v is told for another content", o.Key, sum)
		}
	}
	got := make([]byte, o.Size)
	if err := t.s.ReadRange(t.Context(), o, 0, got); err != nil && o.Size > 0 {
		t.Fatalf("read %q: %v", o.Key, err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%q holds other bytes", o.Key)
	}
}

// gone verifies that there is no object of key.
func (t *suite) gone(key string) {
	t.Helper()
	_, err := t.s.HeadObject(t.Context(), key)
	t.fails(err, writer.ErrNotFound)
}

// fails verifies that err is one of the classes, told as the contract says.
func (t *suite) fails(err error, classes ...error) {
	t.Helper()
	if !slices.ContainsFunc(classes, func(class error) bool { return errors.Is(err, class) }) {
		t.Fatalf("got the error %v, want one of %v", err, classes)
	}
	var told *writer.StoreError
	if !errors.As(err, &told) || told.Op == "" || told.Key == "" {
		t.Fatalf("%#v names neither operation nor key", err)
	}
}

func (t *suite) create(key string) writer.Upload {
	t.Helper()
	return t.createWith(key, writer.Attributes{})
}

func (t *suite) createWith(key string, attrs writer.Attributes) writer.Upload {
	t.Helper()
	u, err := t.s.CreateMultipartUpload(t.Context(), key, attrs, writer.Condition{})
	if err != nil {
		t.Fatalf("create upload: %v", err)
	}
	if u.Key != key || u.ID == "" || u.Initiated.IsZero() {
		t.Fatalf("upload %+v", u)
	}
	return u
}

func (t *suite) part(u writer.Upload, number int32, p []byte) writer.Part {
	t.Helper()
	part, err := t.s.UploadPart(t.Context(), u, number, t.body(p))
	t.isPart(part, err, number, p)
	return part
}

func (t *suite) partCopy(u writer.Upload, number int32, src writer.Object, offset, n int64, want []byte) writer.Part {
	t.Helper()
	part, err := t.s.UploadPartCopy(t.Context(), u, number, src, offset, n)
	t.isPart(part, err, number, want)
	return part
}

// isPart verifies what the store tells about a part.
func (t *suite) isPart(part writer.Part, err error, number int32, want []byte) {
	t.Helper()
	if err != nil {
		t.Fatalf("part %d: %v", number, err)
	}
	if part.Number != number || part.ETag == "" || part.Size != int64(len(want)) {
		t.Errorf("part %d of %d bytes is told as %+v", number, len(want), part)
	}
	sum := part.Checksum
	if sum.Algorithm != writer.None && sum != writer.NewBody(sum.Algorithm, want).Checksum {
		t.Errorf("part %d has another checksum than its bytes, %v", number, sum)
	}
}

func (t *suite) complete(u writer.Upload, parts []writer.Part, c writer.Completion) (writer.Object, error) {
	return t.s.CompleteMultipartUpload(t.Context(), u, parts, c)
}

// completion is that of an upload whose parts are want, with its checksum.
func (t *suite) completion(want []byte) writer.Completion {
	return writer.Completion{Size: int64(len(want)), Checksum: t.sum(want)}
}

// finish completes an upload and verifies the object.
func (t *suite) finish(u writer.Upload, parts []writer.Part, want []byte) {
	t.Helper()
	c := writer.Completion{Size: int64(len(want)), Checksum: writer.NewBody(u.Checksum, want).Checksum}
	o, err := t.complete(u, parts, c)
	if err != nil {
		t.Fatal(err)
	}
	if o.Key != u.Key {
		t.Fatalf("completed %q, want %q", o.Key, u.Key)
	}
	t.holds(o, want)
}

func (t *suite) abort(u writer.Upload) {
	t.Helper()
	if err := t.s.AbortMultipartUpload(t.Context(), u); err != nil {
		t.Fatal(err)
	}
}
