package storetest

import (
	"slices"

	"github.com/s3mpfs/s3mpfs/writer"
)

var partCopyRules = []rule{
	{"whole objects and ranges", partCopyRanges},
	{"a small source as a whole", partCopySmall},
	{"from the object being replaced", partCopyOwnKey},
	{"the source's ETag must hold", partCopyETag},
	{"a range beyond the end", partCopyBeyond},
	{"odd keys", partCopyOddKeys},
	{"of a multipart object", partCopyMultipart},
}

func partCopyRanges(t *suite) {
	t.unless(t.RangeSums, "tells wrong checksums of copied ranges")
	whole := pattern(1, minPart+100)
	src := t.put("src", whole)
	u := t.create("k")
	parts := []writer.Part{
		t.partCopy(u, 1, src, 0, src.Size, whole),
		t.partCopy(u, 2, src, 0, minPart, whole[:minPart]),
		t.partCopy(u, 3, src, 100, minPart, whole[100:]),
		t.part(u, 4, pattern(2, minPart)),
		t.partCopy(u, 5, src, minPart+99, 1, whole[minPart+99:]),
	}
	t.finish(u, parts, slices.Concat(whole, whole[:minPart], whole[100:], pattern(2, minPart), whole[minPart+99:]))
}

func partCopySmall(t *suite) {
	src := t.put("src", pattern(1, 10))
	u := t.create("k")
	t.finish(u, []writer.Part{t.partCopy(u, 1, src, 0, 10, pattern(1, 10))}, pattern(1, 10))
}

// partCopyOwnKey edits the middle of an object.
func partCopyOwnKey(t *suite) {
	t.unless(t.RangeSums, "tells wrong checksums of copied ranges")
	before := pattern(1, 3*minPart)
	o := t.put("k", before)
	want := slices.Concat(before[:minPart], pattern(2, minPart), before[2*minPart:])
	u := t.create("k")
	parts := []writer.Part{
		t.partCopy(u, 1, o, 0, minPart, before[:minPart]),
		t.part(u, 2, want[minPart:2*minPart]),
		t.partCopy(u, 3, o, 2*minPart, minPart, before[2*minPart:]),
	}
	t.finish(u, parts, want)
}

func partCopyETag(t *suite) {
	t.unless(t.UncheckedCopySource, "does not look at the source of a copy")
	old := t.put("src", pattern(1, minPart+1))
	t.put("src", pattern(2, minPart+1))
	u := t.create("k")
	defer t.abort(u)
	_, err := t.s.UploadPartCopy(t.Context(), u, 1, old, 0, minPart)
	t.fails(err, writer.ErrPrecondition)
	if err := t.s.DeleteObject(t.Context(), "src"); err != nil {
		t.Fatal(err)
	}
	_, err = t.s.UploadPartCopy(t.Context(), u, 1, old, 0, minPart)
	t.fails(err, writer.ErrPrecondition, writer.ErrNotFound)
}

func partCopyBeyond(t *suite) {
	t.unless(t.UncheckedCopySource, "does not look at the source of a copy")
	src := t.put("src", pattern(1, minPart+1))
	u := t.create("k")
	defer t.abort(u)
	_, err := t.s.UploadPartCopy(t.Context(), u, 1, src, 2, minPart)
	t.fails(err, writer.ErrInvalid)
}

func partCopyOddKeys(t *suite) {
	for i, key := range t.oddKeys() {
		want := pattern(uint64(i), 10)
		src := t.put(key, want)
		u := t.create("k")
		t.finish(u, []writer.Part{t.partCopy(u, 1, src, 0, 10, want)}, want)
	}
}

func partCopyMultipart(t *suite) {
	t.unless(t.RangeSums, "tells wrong checksums of copied ranges")
	whole := slices.Concat(pattern(1, minPart), pattern(2, 500))
	u := t.create("src")
	t.finish(u, []writer.Part{t.part(u, 1, whole[:minPart]), t.part(u, 2, whole[minPart:])}, whole)
	src := t.head("src")
	u = t.create("k")
	t.finish(u, []writer.Part{t.partCopy(u, 1, src, 300, minPart, whole[300:300+minPart])}, whole[300:300+minPart])
}
