package storetest

import (
	"bytes"
	"time"

	"github.com/s3mpfs/s3mpfs/writer"
)

var readRules = []rule{
	{"ranges", readRanges},
	{"several slices in one", readSlices},
	{"less than asked is an error", readShort},
	{"the ETag must hold", readETag},
	{"without an ETag", readAnyETag},
	{"of nothing", readNothing},
	{"last modified", lastModified},
}

func readRanges(t *suite) {
	want := pattern(1, 100_000)
	o := t.put("k", want)
	for _, r := range [][2]int{{0, 1}, {0, 100_000}, {1, 99_998}, {50_000, 50_000}, {99_999, 1}} {
		got := make([]byte, r[1])
		if err := t.s.ReadRange(t.Context(), o, int64(r[0]), got); err != nil {
			t.Errorf("%v: %v", r, err)
		}
		if !bytes.Equal(got, want[r[0]:r[0]+r[1]]) {
			t.Errorf("%v: other bytes", r)
		}
	}
}

func readSlices(t *suite) {
	want := pattern(1, 1000)
	o := t.put("k", want)
	got := make([]byte, 300)
	if err := t.s.ReadRange(t.Context(), o, 7, got[:1], got[1:1], got[1:200], got[200:]); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want[7:307]) {
		t.Error("other bytes")
	}
}

func readShort(t *suite) {
	o := t.put("k", pattern(1, 100))
	for _, offset := range []int64{91, 99, 100, 101, 1 << 40} {
		err := t.s.ReadRange(t.Context(), o, offset, make([]byte, 10))
		if err == nil {
			t.Errorf("10 bytes at %d of 100 were read", offset)
		}
	}
}

func readETag(t *suite) {
	old := t.put("k", pattern(1, 100))
	t.put("k", pattern(2, 100))
	t.fails(t.s.ReadRange(t.Context(), old, 0, make([]byte, 10)), writer.ErrPrecondition)
	if err := t.s.DeleteObject(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	t.fails(t.s.ReadRange(t.Context(), old, 0, make([]byte, 10)), writer.ErrPrecondition, writer.ErrNotFound)
}

func readAnyETag(t *suite) {
	t.put("k", pattern(1, 100))
	got := make([]byte, 10)
	if err := t.s.ReadRange(t.Context(), writer.Object{Key: "k"}, 5, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, pattern(1, 100)[5:15]) {
		t.Error("other bytes")
	}
}

func readNothing(t *suite) {
	t.gone("k")
	t.fails(t.s.ReadRange(t.Context(), writer.Object{Key: "k"}, 0, make([]byte, 1)), writer.ErrNotFound)
}

func lastModified(t *suite) {
	t.put("k", nil)
	if age := time.Since(t.head("k").LastModified).Abs(); age > time.Minute {
		t.Errorf("an object made now is %v old", age)
	}
}
