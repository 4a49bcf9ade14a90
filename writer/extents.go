package writer

// extent says that the bytes [lo, hi) of a file are those of src from offset
// at on.
type extent struct {
	lo, hi int64
	src    *Object
	at     int64
}

// same tells whether a and b are one version of one object.
func (a *Object) same(b *Object) bool {
	return a == b || a != nil && b != nil && a.Key == b.Key && a.ETag == b.ETag && a.VersionID == b.VersionID
}

// slice is the part of the extent within [lo, hi).
func (x extent) slice(lo, hi int64) extent {
	lo, hi = max(lo, x.lo), min(hi, x.hi)
	return extent{lo, hi, x.src, x.at + lo - x.lo}
}

// extents is what lies below the blocks of a file: ranges of objects that S3
// holds, ascending, not overlapping. Where there is none, there are zeros.
type extents []extent

// cut removes [lo, hi).
func (xs *extents) cut(lo, hi int64) {
	var out extents
	for _, x := range *xs {
		if before := x.slice(0, lo); before.lo < before.hi {
			out = append(out, before)
		}
		if after := x.slice(hi, x.hi); after.lo < after.hi {
			out = append(out, after)
		}
	}
	*xs = out
}

// put replaces what lies at the extent's place by it, and joins it with a
// neighbour that it continues.
func (xs *extents) put(x extent) {
	xs.cut(x.lo, x.hi)
	i := 0
	for i < len(*xs) && (*xs)[i].lo < x.lo {
		i++
	}
	out := append(extents{}, (*xs)[:i]...)
	for _, next := range append(extents{x}, (*xs)[i:]...) {
		if n := len(out); n > 0 && out[n-1].hi == next.lo && out[n-1].src.same(next.src) &&
			out[n-1].at+out[n-1].hi-out[n-1].lo == next.at {
			out[n-1].hi = next.hi
			continue
		}
		out = append(out, next)
	}
	*xs = out
}

// at gives the extent from lo on, cut to [lo, hi); one without a source are
// zeros.
func (xs extents) at(lo, hi int64) extent {
	for _, x := range xs {
		if lo < x.lo {
			return extent{lo: lo, hi: min(hi, x.lo)}
		}
		if lo < x.hi {
			return x.slice(lo, hi)
		}
	}
	return extent{lo: lo, hi: hi}
}

// end is where the last extent ends, 0 where there is none.
func (xs extents) end() int64 {
	if len(xs) == 0 {
		return 0
	}
	return xs[len(xs)-1].hi
}
