package storetest

import (
	"slices"

	"github.com/s3mpfs/s3mpfs/writer"
)

var completeRules = []rule{
	{"refuses a part too small", completeTooSmall},
	{"refuses a gap in the numbers", completeGap},
	{"refuses an unknown part", completeUnknownPart},
	{"refuses a wrong checksum", completeWrongChecksum},
	{"refuses a wrong size", completeWrongSize},
	{"without the checksum of the whole", completeNoChecksum},
	{"If-None-Match", completeIfNoneMatch},
	{"If-Match", completeIfMatch},
	{"If-Match where the object is gone", completeIfMatchGone},
}

func completeTooSmall(t *suite) {
	u := t.create("k")
	small, last := t.part(u, 1, pattern(1, minPart-1)), t.part(u, 2, pattern(2, 1))
	_, err := t.complete(u, []writer.Part{small, last}, t.completion(slices.Concat(pattern(1, minPart-1), pattern(2, 1))))
	t.fails(err, writer.ErrInvalid)
	t.gone("k")
	first := t.part(u, 1, pattern(1, minPart))
	t.finish(u, []writer.Part{first, last}, slices.Concat(pattern(1, minPart), pattern(2, 1)))
}

func completeGap(t *suite) {
	t.unless(t.UncheckedNumbers || t.Checksum == writer.None, "takes any ascending numbers")
	u := t.create("k")
	defer t.abort(u)
	parts := []writer.Part{t.part(u, 1, pattern(1, minPart)), t.part(u, 3, pattern(2, 1))}
	_, err := t.complete(u, parts, t.completion(slices.Concat(pattern(1, minPart), pattern(2, 1))))
	t.fails(err, writer.ErrInvalid)
	t.gone("k")
}

func completeUnknownPart(t *suite) {
	u := t.create("k")
	defer t.abort(u)
	first := t.part(u, 1, pattern(1, minPart))
	unknown := t.body(pattern(2, 1))
	parts := []writer.Part{first, {Number: 2, ETag: first.ETag, Size: 1, Checksum: unknown.Checksum}}
	_, err := t.complete(u, parts, t.completion(slices.Concat(pattern(1, minPart), pattern(2, 1))))
	t.fails(err, writer.ErrInvalid)
	t.gone("k")
}

// oneRefused has Complete refuse an upload whose completion was changed, and
// verifies that the right one still succeeds.
func oneRefused(t *suite, change func(*writer.Completion), classes ...error) {
	want := pattern(1, 1000)
	u := t.create("k")
	parts := []writer.Part{t.part(u, 1, want)}
	c := t.completion(want)
	change(&c)
	_, err := t.complete(u, parts, c)
	t.fails(err, classes...)
	t.gone("k")
	t.finish(u, parts, want)
}

func completeWrongChecksum(t *suite) {
	t.unless(t.UncheckedSums || t.Checksum == writer.None, "compares no checksums")
	oneRefused(t, func(c *writer.Completion) { c.Checksum.Value ^= 1 }, writer.ErrChecksum)
}

func completeWrongSize(t *suite) {
	t.unless(t.UncheckedSums, "compares no sizes")
	oneRefused(t, func(c *writer.Completion) { c.Size++ }, writer.ErrInvalid)
}

func completeNoChecksum(t *suite) {
	want := pattern(1, 1000)
	u := t.create("k")
	o, err := t.complete(u, []writer.Part{t.part(u, 1, want)}, writer.Completion{Size: 1000})
	if err != nil {
		t.Fatal(err)
	}
	t.holds(o, want)
}

func completeIfNoneMatch(t *suite) {
	cond := writer.Condition{IfNoneMatch: true}
	first, err := t.uploadIf(pattern(1, 10), cond)
	if err != nil {
		t.Fatal(err)
	}
	_, err = t.uploadIf(pattern(2, 20), cond)
	t.fails(err, writer.ErrPrecondition)
	t.holds(first, pattern(1, 10))
}

func completeIfMatch(t *suite) {
	t.unless(t.UncheckedMatch, "ignores If-Match")
	first := t.put("k", pattern(1, 10))
	second, err := t.uploadIf(pattern(2, 20), writer.Condition{IfMatch: first.ETag})
	if err != nil {
		t.Fatal(err)
	}
	_, err = t.uploadIf(pattern(3, 30), writer.Condition{IfMatch: first.ETag})
	t.fails(err, writer.ErrPrecondition)
	t.holds(second, pattern(2, 20))
}

func completeIfMatchGone(t *suite) {
	t.unless(t.UncheckedMatch, "ignores If-Match")
	_, err := t.uploadIf(pattern(1, 10), writer.Condition{IfMatch: `"d41d8cd98f00b204e9800998ecf8427e"`})
	t.fails(err, writer.ErrPrecondition)
	t.gone("k")
}

// uploadIf makes k an object of p by an upload of one part, under cond; what
// is refused is aborted.
func (t *suite) uploadIf(p []byte, cond writer.Condition) (writer.Object, error) {
	t.Helper()
	u, err := t.s.CreateMultipartUpload(t.Context(), "k", writer.Attributes{}, cond)
	if err != nil {
		t.Fatal(err)
	}
	c := t.completion(p)
	c.Condition = cond
	o, err := t.complete(u, []writer.Part{t.part(u, 1, p)}, c)
	if err != nil {
		t.abort(u)
	}
	return o, err
}
