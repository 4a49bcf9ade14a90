package fs

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
)

// dirHandle is an open directory. Its position counts "." and "..", then the
// entries of the listing's pages, then the names that only this mount knows.
type dirHandle struct {
	dir *dir
	// go-fuse holds a lock of its own around every call, which guards this.
	listing  *listing
	position int
	page     *page
	added    []entry          // after the last page, as they were when it was reached first
	last     entry            // that was given out
	asked    map[string]entry // what follows it, as far as S3 was asked for it
	dirs     int              // directories of which S3 was asked
}

var (
	_ gofuse.FileReaddirenter = (*dirHandle)(nil)
	_ gofuse.FileLookuper     = (*dirHandle)(nil)
	_ gofuse.FileSeekdirer    = (*dirHandle)(nil)
	_ gofuse.FileFsyncdirer   = (*dirHandle)(nil)
	_ gofuse.FileReleasedirer = (*dirHandle)(nil)
)

const dots = 2 // entries before the first page

// OpendirHandle opens a directory.
func (d *dir) OpendirHandle(context.Context, uint32) (gofuse.FileHandle, uint32, syscall.Errno) {
	return &dirHandle{dir: d}, 0, 0
}

// Fsyncdir has nothing to do: names are in S3 when the call that makes them
// returns.
func (h *dirHandle) Fsyncdir(context.Context, uint32) syscall.Errno { return 0 }

// Seekdir goes to a position that was given out before; to the start means to
// look anew.
func (h *dirHandle) Seekdir(_ context.Context, position uint64) syscall.Errno {
	if position == 0 {
		h.leave()
	}
	h.position, h.page = int(position), nil
	return 0
}

// Releasedir ends the reading.
func (h *dirHandle) Releasedir(context.Context, uint32) { h.leave() }

func (h *dirHandle) leave() {
	if h.listing != nil {
		h.listing.read(-1)
		h.listing, h.added = nil, nil
	}
}

// Readdirent gives the next entry, nil at the end.
func (h *dirHandle) Readdirent(context.Context) (*fuse.DirEntry, syscall.Errno) {
	if h.listing == nil {
		h.listing = h.dir.tree.listingOf(h.dir.currentKey())
		h.listing.read(+1)
	}
	if h.position < dots {
		h.position++
		return &fuse.DirEntry{Name: ".."[:h.position], Mode: syscall.S_IFDIR, Off: uint64(h.position)}, 0
	}
	for {
		e, ok, err := h.next()
		if err != nil {
			return nil, h.dir.tree.fail("list", h.dir.currentKey(), err)
		}
		if !ok {
			return nil, 0
		}
		h.position++
		if e, ok := h.listing.current(e); ok && e.name != "" {
			h.last = e
			return h.dirEntry(e), 0
		}
	}
}

func (h *dirHandle) dirEntry(e entry) *fuse.DirEntry {
	mode := uint32(syscall.S_IFREG)
	switch f, _ := operations[*file](h.dir.GetChild(e.name)); {
	case e.dir:
		mode = syscall.S_IFDIR
	case f != nil && f.knows(e.object):
		mode = f.stable().Mode
	case !h.dir.tree.plain(e.object) && e.object.Size <= maxTarget:
		mode = 0 // a link for all one knows
	}
	return &fuse.DirEntry{Name: e.name, Mode: mode, Off: uint64(h.position)}
}

// next gives the entry at the position.
func (h *dirHandle) next() (entry, bool, error) {
	at := h.position - dots
	if err := h.turn(at); err != nil {
		return entry{}, false, err
	}
	if h.page != nil {
		return h.page.entries[at-h.page.first], true, nil
	}
	if at -= h.listing.count(); at < len(h.added) {
		return h.added[at], true, nil
	}
	return entry{}, false, nil
}

// turn makes page the one that holds the entry at; there is none after the end.
func (h *dirHandle) turn(at int) (err error) {
	if h.page != nil && at >= h.page.first && at < h.page.first+h.page.count {
		return nil
	}
	for i := h.listing.locate(at); ; i++ {
		h.page, err = h.listing.page(i)
		if err != nil {
			return err
		}
		if h.page == nil {
			if h.added == nil {
				h.added = append([]entry{}, h.listing.added()...)
			}
			return nil
		}
		if at < h.page.first+h.page.count {
			return nil
		}
	}
}

// count is the number of entries in the pages read so far.
func (l *listing) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pages) == 0 {
		return 0
	}
	p := l.pages[len(l.pages)-1]
	return p.first + p.count
}

// Lookup gives the inode of the entry just read, without any request.
func (h *dirHandle) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	d := h.dir
	if f := d.tree.openFile(d.currentKey(), name); f != nil {
		f.fill(&out.Attr)
		return d.NewInode(ctx, f, f.stable()), 0
	}
	if h.last.name != name {
		return d.Lookup(ctx, name, out)
	}
	e, err := h.lookedUp()
	if err != nil {
		return nil, d.tree.fail("lookup", d.currentKey()+name, err)
	}
	return d.adopt(ctx, e, &out.Attr), 0
}
