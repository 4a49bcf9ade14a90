package writer

// segment is a range of a file as the plan sees it: bytes that must be sent
// (src nil), or bytes of an object that may be copied instead.
type segment = extent

// piece is one part to be: the bytes [lo, hi) of the file, sent, or copied
// from src at offset at.
type piece = extent

// plan cuts segments, which follow each other without a gap, into the parts of
// an upload whose next part number is n, so that S3 takes them: no part but
// the last below MinPart, none above MaxPart or MaxCopy, copies by range only
// from objects that are large enough.
//
// A stretch of an object is copied where it is long enough to be a part. A
// shorter one between bytes that must be sent is sent with them, which means
// that it has to be fetched first; so a part that holds such bytes is never
// longer than PartSize. A sent part that would be too short is filled up from
// the copy behind it.
func plan(segments []segment, n int32, o Options) []piece {
	if o.UniformParts {
		return planUniform(segments, o)
	}
	p := planner{segments: segments, o: o}
	var pieces []piece
	for p.i < len(p.segments) {
		if s := p.rest(); p.standsAlone(s) {
			pieces = p.copies(pieces, s)
		} else {
			pieces = append(pieces, p.sent(n+int32(len(pieces))))
		}
	}
	return pieces
}

// planner walks along the segments.
type planner struct {
	segments []segment
	o        Options
	i        int   // the segment in which the walk stands
	pos      int64 // where in it, if beyond its start
}

// rest is what is left of the segment in which the walk stands.
func (p *planner) rest() segment {
	s := p.segments[p.i]
	return s.slice(p.pos, s.hi)
}

// to moves the walk to offset pos, which lies in or at the end of the segment
// in which it stands.
func (p *planner) to(pos int64) {
	p.pos = pos
	if pos == p.segments[p.i].hi {
		p.i++
	}
}

// copyable tells whether S3 would take a copy of a range of s.
func (p *planner) copyable(s segment) bool {
	return s.src != nil && s.src.Size > p.o.Limits.MinCopySource
}

// standsAlone tells whether s can be parts of its own.
func (p *planner) standsAlone(s segment) bool {
	last := s.hi == p.segments[len(p.segments)-1].hi
	return p.copyable(s) && (last || s.hi-s.lo >= p.o.Limits.MinPart)
}

// copies appends s as parts of about equal length, as few as possible.
func (p *planner) copies(pieces []piece, s segment) []piece {
	k := (s.hi - s.lo + p.o.Limits.MaxCopy - 1) / p.o.Limits.MaxCopy
	length := (s.hi - s.lo + k - 1) / k
	for lo := s.lo; lo < s.hi; lo += length {
		pieces = append(pieces, s.slice(lo, lo+length))
	}
	p.to(s.hi)
	return pieces
}

// sent walks over what part number n is to send.
func (p *planner) sent(n int32) piece {
	start := p.rest().lo
	end := start
	longest := p.o.sentSize(start, n)
	for p.i < len(p.segments) {
		s := p.rest()
		short := p.o.Limits.MinPart - (end - start)
		if s.src != nil {
			if short <= 0 && p.standsAlone(s) {
				break
			}
			longest = max(min(longest, p.o.PartSize), end-start)
			if short > 0 && p.standsAlone(s.slice(s.lo+short, s.hi)) {
				s.hi = min(s.hi, s.lo+short)
			}
		}
		end = min(s.hi, start+longest)
		if end > s.lo {
			p.to(end)
		}
		if end-start >= longest {
			break
		}
	}
	return piece{lo: start, hi: end}
}

// planUniform cuts at multiples of PartSize; a part is copied where all of it
// can be.
func planUniform(segments []segment, o Options) []piece {
	p := planner{segments: segments, o: o}
	var pieces []piece
	for p.i < len(segments) {
		next := p.rest()
		next.hi = min(next.lo+o.PartSize, segments[len(segments)-1].hi)
		if s := p.rest(); !p.copyable(s) || s.hi < next.hi {
			next = piece{lo: next.lo, hi: next.hi}
		}
		for p.i < len(segments) && p.rest().lo < next.hi {
			p.to(min(next.hi, p.rest().hi))
		}
		pieces = append(pieces, next)
	}
	return pieces
}
