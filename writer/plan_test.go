package writer

import (
	"testing"

	"pgregory.net/rapid"
)

// planOptions are small enough that random segments meet every rule.
func planOptions(uniform bool) Options {
	return Options{
		PartSize: 20, BlockSize: 4, Memory: 160, UniformParts: uniform,
		Limits: Limits{MaxParts: 40, MinPart: 8, MaxPart: 60, MaxCopy: 50, MinCopySource: 8, MaxObject: 4000},
	}
}

func drawSegments(t *rapid.T) []segment {
	var segments []segment
	pos := rapid.Int64Range(0, 30).Draw(t, "start")
	big, small := &Object{ETag: "big", Size: 10_000}, &Object{ETag: "small", Size: 8}
	for range rapid.IntRange(1, 12).Draw(t, "segments") {
		s := segment{lo: pos, hi: pos + rapid.Int64Range(1, 130).Draw(t, "length")}
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0, 1:
			s.src, s.at = big, s.lo
		case 2:
			s.hi = s.lo + min(8, s.hi-s.lo)
			s.src = small
		}
		segments = append(segments, s)
		pos = s.hi
	}
	return segments
}

// TestPlanIsLegal checks every rule of S3 on the pieces of random plans, and
// that they cover the segments without a gap.
func TestPlanIsLegal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := planOptions(rapid.Bool().Draw(t, "uniform"))
		segments := drawSegments(t)
		first := rapid.Int32Range(1, 20).Draw(t, "first number")
		checkPlan(t, segments, plan(segments, first, o), first, o)
	})
}

func checkPlan(t *rapid.T, segments []segment, pieces []piece, first int32, o Options) {
	pos, end := segments[0].lo, segments[len(segments)-1].hi
	for i, x := range pieces {
		length, last := x.hi-x.lo, i == len(pieces)-1
		switch {
		case x.lo != pos:
			t.Fatalf("piece %d begins at %d, not at %d", i, x.lo, pos)
		case !last && length < o.Limits.MinPart, length < 1:
			t.Fatalf("piece %d of %d has %d bytes", i, len(pieces), length)
		case x.src == nil && length > o.partSize(first+int32(i)):
			t.Fatalf("piece %d sends %d bytes", i, length)
		case x.src != nil && (length > o.Limits.MaxCopy || x.src.Size <= o.Limits.MinCopySource):
			t.Fatalf("piece %d copies %d bytes of %+v", i, length, x.src)
		case o.UniformParts && !last && length != o.PartSize:
			t.Fatalf("piece %d has %d bytes, not %d", i, length, o.PartSize)
		}
		checkSource(t, segments, x, o)
		pos = x.hi
	}
	if pos != end {
		t.Fatalf("the plan ends at %d, not at %d", pos, end)
	}
}

// checkSource checks that a copy copies what the segments say, and that a piece
// with bytes to fetch is short enough for the reserve.
func checkSource(t *rapid.T, segments []segment, x piece, o Options) {
	for _, s := range segments {
		in := s.slice(x.lo, x.hi)
		switch {
		case in.lo >= in.hi:
		case x.src == nil && s.src != nil && x.hi-x.lo > o.PartSize:
			t.Fatalf("%+v fetches, and is longer than a part", x)
		case x.src != nil && (s.src != x.src || in.at-in.lo != x.at-x.lo):
			t.Fatalf("%+v copies what %+v says otherwise", x, s)
		}
	}
}

func FuzzPlan(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		o := planOptions(rapid.Bool().Draw(t, "uniform"))
		segments := drawSegments(t)
		checkPlan(t, segments, plan(segments, 1, o), 1, o)
	}))
}

func amazon(memory int64) Options {
	o, err := Options{Memory: memory}.withDefaults()
	if err != nil {
		panic(err)
	}
	return o
}

// TestPlansUpToTheLargestObject walks files of every magnitude: how many parts
// a sequential write makes until it must fold, and how many copies and parts a
// one-byte edit and an append cost.
func TestPlansUpToTheLargestObject(t *testing.T) {
	const MiB, GiB, TiB = int64(1) << 20, int64(1) << 30, int64(1) << 40
	o := amazon(512 * MiB)
	for _, row := range []struct {
		size         int64
		edit, append int // parts
	}{
		{6 * MiB, 2, 2},
		{100 * MiB, 3, 2},
		{5 * GiB, 3, 2},
		{10 * GiB, 3, 3},
		{1 * TiB, 206, 206},
		{48 * TiB, 9832, 9832},
		{o.maxFileSize() - 5*GiB, 9999, 9999},
	} {
		base := &Object{ETag: "base", Size: row.size}
		edit := row.size / 2 &^ (MiB - 1)
		edited := plan([]segment{
			{0, edit, base, 0}, {lo: edit, hi: edit + 1}, {edit + 1, row.size, base, edit + 1},
		}, 1, o)
		appended := plan([]segment{{0, row.size, base, 0}, {lo: row.size, hi: row.size + 1}}, 1, o)
		t.Logf("%d bytes: edit %d parts, append %d parts", row.size, len(edited), len(appended))
		if len(edited) > row.edit+1 || len(appended) != row.append {
			t.Errorf("%d bytes: edit makes %d parts, append %d; want %d and %d",
				row.size, len(edited), len(appended), row.edit, row.append)
		}
	}
}

// TestPartSizesGrow pins the sizes that README and docs tell.
func TestPartSizesGrow(t *testing.T) {
	const MiB = int64(1) << 20
	for _, row := range []struct {
		memory int64
		n      int32
		want   int64
	}{
		{512 * MiB, 1, 10 * MiB}, {512 * MiB, 1000, 10 * MiB},
		{512 * MiB, 1001, 20 * MiB}, {512 * MiB, 2001, 40 * MiB}, {512 * MiB, 3001, 80 * MiB},
		{512 * MiB, 4001, 128 * MiB}, {512 * MiB, 9999, 128 * MiB},
		{256 * MiB, 9999, 64 * MiB}, {40 * MiB, 9999, 10 * MiB},
	} {
		if got := amazon(row.memory).partSize(row.n); got != row.want {
			t.Errorf("memory %d: part %d has %d bytes, want %d", row.memory, row.n, got, row.want)
		}
	}
}
