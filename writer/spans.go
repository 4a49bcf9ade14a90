package writer

// span is the byte range [lo, hi).
type span struct{ lo, hi int64 }

// spans is a set of bytes: ranges in ascending order that neither overlap nor
// touch. In practice it holds one range, or none.
type spans []span

// add puts [lo, hi) into the set.
func (s *spans) add(lo, hi int64) {
	if len(*s) == 0 {
		*s = append(*s, span{lo, hi})
		return
	}
	if n := len(*s); n == 1 && lo <= (*s)[0].hi && hi >= (*s)[0].lo {
		(*s)[0] = span{min((*s)[0].lo, lo), max((*s)[0].hi, hi)}
		return
	}
	out := make(spans, 0, len(*s)+1)
	for i, r := range *s {
		if r.lo > hi {
			out = append(append(out, span{lo, hi}), (*s)[i:]...)
			*s = out
			return
		}
		if r.hi < lo {
			out = append(out, r)
			continue
		}
		lo, hi = min(lo, r.lo), max(hi, r.hi)
	}
	*s = append(out, span{lo, hi})
}

// remove takes [lo, hi) out of the set.
func (s *spans) remove(lo, hi int64) {
	var out spans
	for _, r := range *s {
		if r.lo < min(r.hi, lo) {
			out = append(out, span{r.lo, min(r.hi, lo)})
		}
		if max(r.lo, hi) < r.hi {
			out = append(out, span{max(r.lo, hi), r.hi})
		}
	}
	*s = out
}

// length is how many bytes are in the set.
func (s spans) length() (n int64) {
	for _, r := range s {
		n += r.hi - r.lo
	}
	return n
}

// at tells whether lo is in the set, and where that changes next: the end of
// the range that holds lo or the start of the next one, at most hi.
func (s spans) at(lo, hi int64) (in bool, end int64) {
	for _, r := range s {
		if lo < r.lo {
			return false, min(hi, r.lo)
		}
		if lo < r.hi {
			return true, min(hi, r.hi)
		}
	}
	return false, hi
}
