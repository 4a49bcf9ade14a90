package readahead

import (
	"fmt"
	"io"
)

// view is the bytes of one read: slices of fetches, which it holds, and of the
// reader's own p where nothing was fetched ahead.
type view struct {
	r     *Reader
	bytes [][]byte
	held  []*fetch
}

// view reads len(p) bytes at off, fewer only with an error. It is nil where the
// read could not begin, and must be released otherwise.
func (r *Reader) view(p []byte, off int64) (*view, error) {
	if off < 0 {
		return nil, fmt.Errorf("readahead: negative offset %d", off)
	}
	want := int(min(int64(len(p)), max(r.obj.Size-off, 0)))
	if err := r.begin(off, int64(want)); err != nil {
		return nil, err
	}
	v := &view{r: r}
	for n := 0; n < want; {
		m, err := v.add(p[n:want], off+int64(n))
		if n += m; err != nil {
			return v, r.explain(err)
		}
	}
	if want < len(p) {
		return v, io.EOF
	}
	return v, nil
}

// add appends up to len(p) bytes at off: those of the fetch that covers off, or
// else, read into p, those up to where the next fetch begins.
func (v *view) add(p []byte, off int64) (n int, err error) {
	f, next := v.r.hold(off)
	if f == nil {
		p = p[:min(int64(len(p)), next-off)]
		if err := v.r.read(v.r.ctx, off, [][]byte{p}); err != nil {
			return 0, err
		}
		v.bytes = append(v.bytes, p)
		return len(p), nil
	}
	v.held = append(v.held, f)
	<-f.done
	if f.err != nil {
		return 0, f.err
	}
	v.bytes, n = f.appendTo(v.bytes, len(p), off)
	return n, nil
}

// release ends the use of the bytes.
func (v *view) release() {
	for _, f := range v.held {
		v.r.release(f)
	}
	v.r.work.Done()
}
