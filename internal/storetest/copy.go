package storetest

import (
	"maps"
	"reflect"
	"time"

	"github.com/s3mpfs/s3mpfs/writer"
)

var copyRules = []rule{
	{"bytes and new attributes", copyObject},
	{"everything that describes the source", copyKeeps},
	{"odd keys", copyOddKeys},
	{"onto itself changes attributes", copyOntoItself},
	{"the source's ETag must hold", copySourceETag},
	{"If-None-Match", copyIfNoneMatch},
	{"If-Match", copyIfMatch},
}

func (t *suite) copy(src writer.Object, key string, attrs writer.Attributes, cond writer.Condition) (writer.Object, error) {
	return t.s.CopyObject(t.Context(), src, key, attrs, cond)
}

func copyObject(t *suite) {
	want := pattern(1, 1000)
	src := t.putWith("src", want, writer.Attributes{Metadata: map[string]string{"old": "x"}})
	o, err := t.copy(src, "dst", someAttributes, writer.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	t.holds(o, want)
	t.hasAttributes("dst")
	t.holds(src, want)
}

// described has all that a HEAD of any server tells and a copy can be given.
var described = writer.Attributes{
	ContentType: "text/x-test", Metadata: map[string]string{"a": "1"},
	CacheControl: "max-age=60", ContentDisposition: `attachment; filename="f"`, ContentEncoding: "gzip", ContentLanguage: "de",
	Expires: time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC), Tags: map[string]string{"colour": "green + blue=:/", "n": "1"},
}

// copyKeeps copies with what HEAD told of the source, in one request and in
// parts.
func copyKeeps(t *suite) {
	t.putWith("src", pattern(1, 1000), described)
	src := t.head("src")
	if _, err := t.copy(src, "dst", src.Attributes, writer.Condition{}); err != nil {
		t.Fatal(err)
	}
	tags, err := t.s.Tags(t.Context(), "src")
	if err != nil {
		t.Fatal(err)
	}
	src.Attributes.Tags = tags
	u, err := t.s.CreateMultipartUpload(t.Context(), "parts", src.Attributes, writer.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	part, err := t.s.UploadPartCopy(t.Context(), u, 1, src, 0, src.Size)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := t.s.CompleteMultipartUpload(t.Context(), u, []writer.Part{part}, writer.Completion{Size: src.Size}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"src", "dst", "parts"} {
		t.isDescribed(key)
	}
}

func (t *suite) isDescribed(key string) {
	t.Helper()
	o := t.head(key)
	got, want := o.Attributes, described
	tags, err := t.s.Tags(t.Context(), key)
	if err != nil || !maps.Equal(tags, want.Tags) || o.TagCount != len(tags) {
		t.Errorf("%s: %d tags %v, %v", key, o.TagCount, tags, err)
	}
	got.Tags = want.Tags
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s has %+v, want %+v", key, got, want)
	}
}

func copyOddKeys(t *suite) {
	for i, key := range t.oddKeys() {
		want := pattern(uint64(i), 10)
		o, err := t.copy(t.put(key, want), "dst", writer.Attributes{}, writer.Condition{})
		if err != nil {
			t.Fatalf("from %q: %v", key, err)
		}
		t.holds(o, want)
	}
}

func copyOntoItself(t *suite) {
	want := pattern(1, 1000)
	o, err := t.copy(t.put("k", want), "k", someAttributes, writer.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	t.holds(o, want)
	t.hasAttributes("k")
}

func copySourceETag(t *suite) {
	t.unless(t.UncheckedCopySource, "does not look at the source of a copy")
	old := t.put("src", pattern(1, 1000))
	t.put("src", pattern(2, 1000))
	_, err := t.copy(old, "dst", writer.Attributes{}, writer.Condition{})
	t.fails(err, writer.ErrPrecondition)
	if err := t.s.DeleteObject(t.Context(), "src"); err != nil {
		t.Fatal(err)
	}
	_, err = t.copy(old, "dst", writer.Attributes{}, writer.Condition{})
	t.fails(err, writer.ErrPrecondition, writer.ErrNotFound)
	t.gone("dst")
}

func copyIfNoneMatch(t *suite) {
	src := t.put("src", pattern(1, 10))
	first, err := t.copy(src, "dst", writer.Attributes{}, writer.Condition{IfNoneMatch: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = t.copy(t.put("src", pattern(2, 10)), "dst", writer.Attributes{}, writer.Condition{IfNoneMatch: true})
	t.fails(err, writer.ErrPrecondition)
	t.holds(first, pattern(1, 10))
}

func copyIfMatch(t *suite) {
	src := t.put("src", pattern(1, 10))
	old := t.put("dst", pattern(2, 10))
	now := t.put("dst", pattern(3, 10))
	_, err := t.copy(src, "dst", writer.Attributes{}, writer.Condition{IfMatch: old.ETag})
	t.fails(err, writer.ErrPrecondition)
	t.holds(now, pattern(3, 10))
	copied, err := t.copy(src, "dst", writer.Attributes{}, writer.Condition{IfMatch: now.ETag})
	if err != nil {
		t.Fatal(err)
	}
	t.holds(copied, pattern(1, 10))
}
