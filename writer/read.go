package writer

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// ReadAt reads what the file holds at offset off, with everything written so
// far. Bytes that S3 has already taken as a part, and which are in memory no
// more, cannot be read from a running upload: then the file is published
// first, or ErrAtomic is returned where that is forbidden.
func (f *File) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, ErrInvalid
	}
	for {
		n, fetches, of, err := f.snapshot(p, off)
		if errors.Is(err, errNotReadable) {
			err = f.makeReadable(off, len(p))
			if err != nil {
				return 0, err
			}
			continue
		}
		if err != nil {
			return 0, err
		}
		if err := f.readAll(fetches); err != nil {
			if f.replacedSince(of) {
				continue
			}
			if isStale(err) {
				err = fmt.Errorf("%w: %w", ErrStale, err)
			}
			return 0, err
		}
		if n < len(p) {
			return n, io.EOF
		}
		return n, nil
	}
}

// errNotReadable: the bytes are in a part that is not in memory.
var errNotReadable = errors.New("the bytes are in a part of a running upload")

// fetch is a range of an object that is to be read into p.
type fetch struct {
	src *Object
	at  int64
	p   [][]byte
	hi  int64 // where the next byte to fetch from src would be
}

// snapshot copies what of [off, off+len(p)) is in memory, and tells what must
// be fetched: objects do not change, so the whole is one state of the file
// although the fetching is done later. of is the version the file was based on.
func (f *File) snapshot(p []byte, off int64) (n int, fetches []fetch, of *Object, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state == closed {
		return 0, nil, nil, f.alive()
	}
	if f.state == failed {
		return 0, nil, nil, f.err
	}
	for end := min(f.size, off+int64(len(p))); off+int64(n) < end; {
		x, bytes, err := f.look(off+int64(n), end)
		if err != nil {
			return 0, nil, nil, err
		}
		into := p[n : n+int(x.hi-x.lo)]
		switch {
		case bytes != nil:
			copy(into, bytes)
		case x.src == nil:
			clear(into)
		default:
			fetches = appendFetch(fetches, x, into)
		}
		n += len(into)
	}
	return n, fetches, f.object, nil
}

// look tells what lies at lo, up to hi at most: bytes in memory, or a range of
// an object, or zeros (no source). mu is held.
func (f *File) look(lo, hi int64) (x extent, bytes []byte, err error) {
	size := f.engine.o.BlockSize
	index, from := lo/size, lo%size
	hi = min(hi, (index+1)*size)
	var p *part
	if lo < f.cursor() {
		p = f.partAt(lo)
		hi = min(hi, p.hi)
	}
	if b := f.blocks[index]; b != nil {
		valid, to := b.valid.at(from, hi-index*size)
		if valid {
			return extent{lo: lo, hi: index*size + to}, b.data[from:to], nil
		}
		hi = index*size + to
	}
	if p != nil && !p.based {
		if !p.kept {
			return extent{}, nil, errNotReadable
		}
		return extent{lo: lo, hi: hi}, nil, nil
	}
	if x = f.below.at(lo, hi); x.src == gone {
		return extent{}, nil, errNotReadable
	}
	return x, nil, nil
}

// appendFetch adds the range x, to be read into p, to fetches, and joins it
// with the one before if it goes on there.
func appendFetch(fetches []fetch, x extent, p []byte) []fetch {
	if n := len(fetches); n > 0 && fetches[n-1].src == x.src && fetches[n-1].hi == x.at {
		last := &fetches[n-1]
		last.hi += x.hi - x.lo
		if tail := &last.p[len(last.p)-1]; adjacent(*tail, p) {
			*tail = (*tail)[:len(*tail)+len(p)]
		} else {
			last.p = append(last.p, p)
		}
		return fetches
	}
	return append(fetches, fetch{x.src, x.at, [][]byte{p}, x.at + x.hi - x.lo})
}

// adjacent tells whether b lies right behind a in one buffer.
func adjacent(a, b []byte) bool {
	return cap(a) >= len(a)+len(b) && &a[:len(a)+1][len(a)] == &b[0]
}

// readAll reads fetches for a program: what belongs to the file's own object
// through its reader, which reads ahead.
func (f *File) readAll(fetches []fetch) error {
	for _, x := range fetches {
		reader := f.readerOf(x.src)
		if reader == nil || len(x.p) > 1 {
			if err := f.fetchAll([]fetch{x}); err != nil {
				return err
			}
			continue
		}
		switch n, err := reader.ReadAt(x.p[0], x.at); {
		case n == len(x.p[0]):
		case err == io.EOF: // the object is shorter than it was
			return io.ErrUnexpectedEOF
		default:
			return err
		}
	}
	return nil
}

// readerOf gives the reader of src, if that is the file's present object.
func (f *File) readerOf(src *Object) ObjectReader {
	f.mu.Lock()
	defer f.mu.Unlock()
	if src != f.object || f.state == closed || f.state == failed {
		return nil
	}
	if f.reader == nil {
		f.reader = f.engine.OpenReader(*src)
	}
	return f.reader
}

// closeReader ends the reading of an object that is no longer the file's; mu is
// held.
func (f *File) closeReader() {
	if r := f.reader; r != nil {
		f.reader = nil
		f.engine.undertake(f, r.Close)
	}
}

// fetchAll reads fetches from S3.
func (f *File) fetchAll(fetches []fetch) error {
	for _, x := range fetches {
		if err := f.engine.store.ReadRange(context.Background(), *x.src, x.at, x.p...); err != nil {
			return err
		}
	}
	return nil
}

// replacedSince tells whether we ourselves have published another version than
// of, or given the file up, so that a read of what it was has failed for good
// reason and must be planned anew. S3 may have the new version before we know;
// so it waits for a publish that is under way.
func (f *File) replacedSince(of *Object) bool {
	f.op.Lock()
	defer f.op.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.object != of || f.state == closed || f.state == failed
}

// makeReadable publishes, if that is still needed to read n bytes at off.
func (f *File) makeReadable(off int64, n int) error {
	f.op.Lock()
	defer f.op.Unlock()
	if _, _, _, err := f.snapshot(make([]byte, n), off); !errors.Is(err, errNotReadable) {
		return err
	}
	return f.publishMidway()
}
