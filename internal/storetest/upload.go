package storetest

import (
	"slices"
	"sync"

	"github.com/s3mpfs/s3mpfs/writer"
)

var uploadRules = []rule{
	{"every size", uploadEverySize},
	{"parts at once and in any order", uploadAtOnce},
	{"a part sent again replaces", uploadAgain},
	{"nothing is visible before completion", uploadInvisible},
	{"keeps attributes", uploadAttributes},
	{"refuses a wrong checksum", uploadWrongChecksum},
	{"abort leaves nothing", uploadAbort},
	{"two at once on one key", uploadTwo},
	{"a token under If-None-Match", uploadToken},
}

func uploadEverySize(t *suite) {
	for i, sizes := range [][]int{
		{0}, {1}, {minPart - 1}, {minPart}, {minPart, 0}, {minPart, 1}, {minPart, minPart - 1},
		{minPart, minPart}, {minPart + 1, minPart, 7},
	} {
		u := t.create("k")
		var want []byte
		var parts []writer.Part
		for n, size := range sizes {
			p := pattern(uint64(10*i+n), size)
			want = append(want, p...)
			parts = append(parts, t.part(u, int32(n+1), p))
		}
		t.finish(u, parts, want)
	}
}

func uploadAtOnce(t *suite) {
	const n = 6
	u := t.create("k")
	parts := make([]writer.Part, n)
	var want []byte
	var wait sync.WaitGroup
	for i := range n {
		p := pattern(uint64(i), minPart)
		want = append(want, p...)
		wait.Go(func() {
			part, err := t.s.UploadPart(t.Context(), u, int32(i+1), t.body(p))
			if err != nil {
				t.Errorf("part %d: %v", i+1, err)
			}
			parts[i] = part
		})
	}
	wait.Wait()
	t.finish(u, parts, want)

	u = t.create("backwards")
	last := t.part(u, 2, []byte("end"))
	first := t.part(u, 1, want[:minPart])
	t.finish(u, []writer.Part{first, last}, append(slices.Clone(want[:minPart]), "end"...))
}

func uploadAgain(t *suite) {
	u := t.create("k")
	old := t.part(u, 1, pattern(1, minPart))
	second := t.part(u, 2, pattern(2, 100))
	first := t.part(u, 1, pattern(3, minPart+5))
	if old.ETag == first.ETag {
		t.Errorf("both parts have the ETag %s", old.ETag)
	}
	stale := append(pattern(1, minPart), pattern(2, 100)...)
	_, err := t.complete(u, []writer.Part{old, second}, t.completion(stale))
	t.fails(err, writer.ErrInvalid)
	t.finish(u, []writer.Part{first, second}, append(pattern(3, minPart+5), pattern(2, 100)...))
}

func uploadInvisible(t *suite) {
	before := t.put("k", pattern(1, 10))
	u, fresh := t.create("k"), t.create("new")
	part, freshPart := t.part(u, 1, pattern(2, 20)), t.part(fresh, 1, pattern(3, 30))
	t.holds(before, pattern(1, 10))
	t.gone("new")
	if objects, _ := t.listAll("", "", 1000); len(objects) != 1 {
		t.Errorf("%d objects are listed, want 1", len(objects))
	}
	t.finish(u, []writer.Part{part}, pattern(2, 20))
	t.finish(fresh, []writer.Part{freshPart}, pattern(3, 30))
}

func uploadAttributes(t *suite) {
	u, err := t.s.CreateMultipartUpload(t.Context(), "k", someAttributes, writer.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	t.finish(u, []writer.Part{t.part(u, 1, pattern(1, 10))}, pattern(1, 10))
	t.hasAttributes("k")
}

func uploadWrongChecksum(t *suite) {
	t.unless(t.UncheckedSums || t.Checksum == writer.None, "compares no checksums")
	u := t.create("k")
	defer t.abort(u)
	b := t.body(pattern(1, 10))
	b.Checksum.Value ^= 1
	_, err := t.s.UploadPart(t.Context(), u, 1, b)
	t.fails(err, writer.ErrChecksum)
}

func uploadAbort(t *suite) {
	before := t.put("k", pattern(1, 10))
	u := t.create("k")
	part := t.part(u, 1, pattern(2, 20))
	t.abort(u)
	t.abort(u)
	t.holds(before, pattern(1, 10))
	t.unless(t.UncheckedAbort, "does not miss an upload")
	_, err := t.s.UploadPart(t.Context(), u, 2, t.body(pattern(3, 30)))
	t.fails(err, writer.ErrNoSuchUpload)
	_, err = t.s.UploadPartCopy(t.Context(), u, 2, before, 0, 10)
	t.fails(err, writer.ErrNoSuchUpload)
	_, err = t.complete(u, []writer.Part{part}, t.completion(pattern(2, 20)))
	t.fails(err, writer.ErrNoSuchUpload)
	t.holds(before, pattern(1, 10))
}

func uploadTwo(t *suite) {
	a, b := t.create("k"), t.create("k")
	if a.ID == b.ID {
		t.Fatalf("both uploads are %s", a.ID)
	}
	pa, pb := t.part(a, 1, pattern(1, 10)), t.part(b, 1, pattern(2, 20))
	t.finish(b, []writer.Part{pb}, pattern(2, 20))
	t.finish(a, []writer.Part{pa}, pattern(1, 10))
}

func uploadToken(t *suite) {
	tokens := map[string]bool{}
	for range 2 {
		u, err := t.s.CreateMultipartUpload(t.Context(), "k", writer.Attributes{}, writer.Condition{IfNoneMatch: true})
		if err != nil {
			t.Fatal(err)
		}
		tokens[u.Token] = true
		t.abort(u)
	}
	if len(tokens) != 2 || tokens[""] {
		t.Errorf("the tokens of two uploads are %v", tokens)
	}
	u := t.create("k")
	defer t.abort(u)
	if u.Token != "" {
		t.Errorf("the token %q without a condition", u.Token)
	}
}
