package storetest

import (
	"context"
	"maps"

	"github.com/s3mpfs/s3mpfs/writer"
)

var putRules = []rule{
	{"every size", putEverySize},
	{"replaces", putReplaces},
	{"replaces a directory's marker", putReplacesMarker},
	{"keeps attributes", putAttributes},
	{"refuses a wrong checksum", putWrongChecksum},
	{"If-None-Match", putIfNoneMatch},
	{"If-Match", putIfMatch},
	{"a cancelled request makes nothing", putCancelled},
	{"delete", deleteObject},
}

func putEverySize(t *suite) {
	for i, size := range []int{0, 1, 2, 4096, minPart - 1, minPart, minPart + 1} {
		want := pattern(uint64(i), size)
		t.holds(t.put("k", want), want)
	}
}

func putReplaces(t *suite) {
	first := t.put("k", pattern(1, 10))
	second := t.put("k", pattern(2, 20))
	if first.ETag == second.ETag {
		t.Errorf("both versions have the ETag %s", first.ETag)
	}
	t.holds(second, pattern(2, 20))
}

// putReplacesMarker: nothing of a marker stays that was replaced or removed, also
// while something lies below it.
func putReplacesMarker(t *suite) {
	marked := writer.Attributes{Metadata: map[string]string{"of": "the first"}}
	t.putWith("d/", nil, marked)
	t.put("d/x", pattern(1, 10))
	replace := func() {
		t.Helper()
		t.put("d/", nil)
		if left := t.head("d/").Attributes.Metadata; len(left) != 0 {
			t.Errorf("the marker has %v of the one before", left)
		}
	}
	replace()
	t.putWith("d/", nil, marked)
	if err := t.s.DeleteObject(t.Context(), "d/"); err != nil {
		t.Fatal(err)
	}
	replace()
}

// odd attributes are what programs set: names in lower case, values in ASCII.
var someAttributes = writer.Attributes{
	ContentType: "video/mp4",
	Metadata:    map[string]string{"mtime": "1700000000.5", "with-dash": "a b=c; d%20e,f", "empty": ""},
}

// hasAttributes verifies that key has someAttributes. A store may say nothing
// of a metadata value that is empty, for HTTP knows no such header.
func (t *suite) hasAttributes(key string) {
	t.Helper()
	got := t.head(key).Attributes
	want := maps.Clone(someAttributes.Metadata)
	for _, m := range []map[string]string{got.Metadata, want} {
		delete(m, "empty")
	}
	if got.ContentType != someAttributes.ContentType || !maps.Equal(got.Metadata, want) {
		t.Errorf("attributes %+v, want %+v", got, someAttributes)
	}
}

func putAttributes(t *suite) {
	t.putWith("k", pattern(1, 10), someAttributes)
	t.hasAttributes("k")
	t.put("k", pattern(1, 10))
	if left := t.head("k").Attributes; len(left.Metadata) != 0 || left.ContentType == someAttributes.ContentType {
		t.Errorf("the replaced object left %+v", left)
	}
}

func putWrongChecksum(t *suite) {
	t.unless(t.UncheckedSums || t.Checksum == writer.None, "compares no checksums")
	b := t.body(pattern(1, 10))
	b.Checksum.Value ^= 1
	_, err := t.s.PutObject(t.Context(), "k", writer.Attributes{}, b, writer.Condition{})
	t.fails(err, writer.ErrChecksum)
	t.gone("k")
}

func (t *suite) putIf(p []byte, cond writer.Condition) (writer.Object, error) {
	return t.s.PutObject(t.Context(), "k", writer.Attributes{}, t.body(p), cond)
}

func putIfNoneMatch(t *suite) {
	first, err := t.putIf(pattern(1, 10), writer.Condition{IfNoneMatch: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = t.putIf(pattern(2, 10), writer.Condition{IfNoneMatch: true})
	t.fails(err, writer.ErrPrecondition)
	t.holds(first, pattern(1, 10))
}

func putIfMatch(t *suite) {
	_, err := t.putIf(pattern(1, 10), writer.Condition{IfMatch: `"d41d8cd98f00b204e9800998ecf8427e"`})
	t.fails(err, writer.ErrPrecondition)
	t.gone("k")
	first := t.put("k", pattern(1, 10))
	second, err := t.putIf(pattern(2, 10), writer.Condition{IfMatch: first.ETag})
	if err != nil {
		t.Fatal(err)
	}
	_, err = t.putIf(pattern(3, 10), writer.Condition{IfMatch: first.ETag})
	t.fails(err, writer.ErrPrecondition)
	t.holds(second, pattern(2, 10))
}

func putCancelled(t *suite) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := t.s.PutObject(ctx, "k", writer.Attributes{}, t.body(pattern(1, 10)), writer.Condition{}); err == nil {
		t.Error("a cancelled request succeeds")
	}
	t.gone("k")
}

func deleteObject(t *suite) {
	t.put("k", pattern(1, 10))
	other := t.put("kk", pattern(2, 10))
	for range 2 {
		if err := t.s.DeleteObject(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		t.gone("k")
	}
	t.holds(other, pattern(2, 10))
}
