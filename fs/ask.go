package fs

import (
	"context"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/s3mpfs/s3mpfs/internal/panics"
	"github.com/s3mpfs/s3mpfs/writer"
)

// A listing tells no metadata. Whoever looks at a name whose object may have
// some (see [writer.Object.Plain]) therefore waits for one HEAD, so that ls and
// stat show the same; what it told is remembered as long as listings tell the
// same ETag and time. Whoever reads a directory together with attributes has
// the names that follow asked for at the same time.

// maxHeads bounds the memory for what HEADs told, at some 300 bytes each.
const maxHeads = 1 << 16

const (
	// askAhead is how many names are asked about when one must be.
	askAhead = 64
	// askParallel is how many at the same time.
	askParallel = 32
	// listAhead is how many directories of one are listed when they are only
	// asked for their attributes, as ls -lR will read them next. With more of
	// them the listings would be given up before they are used.
	listAhead = 128
)

// heads remembers what HEADs told.
type heads struct {
	mu  sync.Mutex // guards all; never held across I/O
	all map[string]writer.Object
}

func (h *heads) put(object writer.Object) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all == nil || len(h.all) >= maxHeads {
		h.all = map[string]writer.Object{}
	}
	h.all[object.Key] = object
}

// of completes a listed object, if it is the one that a HEAD told of.
func (h *heads) of(listed writer.Object) (writer.Object, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	object, ok := h.all[listed.Key]
	return object, ok && object.ETag == listed.ETag && sameSecond(object.LastModified, listed.LastModified)
}

// sameSecond: a HEAD tells whole seconds, a listing thousandths.
func sameSecond(a, b time.Time) bool { return a.Unix() == b.Unix() }

// unknown tells whether the entry of d must be asked for before it is shown.
func (d *dir) unknown(e entry) bool {
	if e.dir {
		child, ok := operations[*dir](d.GetChild(e.name))
		return !e.asked && d.holdsAttributes() && !(ok && (child.knows() || d.askedInPassing(child)))
	}
	if e.object.Key == "" || headed(e.object) || d.tree.plain(e.object) {
		return false
	}
	if f, ok := operations[*file](d.GetChild(e.name)); ok && f.knows(e.object) {
		return false
	}
	_, known := d.tree.heads.of(e.object)
	return !known
}

// askedInPassing tells whether S3 was asked for the attributes of child since a
// reading of d began that is still believed: ls -l asks for names, ahead, and
// much later looks at one after the other.
func (d *dir) askedInPassing(child *dir) bool {
	l := d.tree.knownListing(d.currentKey())
	if l == nil || !l.believed() {
		return false
	}
	child.mu.Lock()
	defer child.mu.Unlock()
	return child.asked.After(l.started)
}

// knows tells whether this mount knows the attributes of a listed object. What
// it made itself it has no time of, before a listing tells that.
func (f *file) knows(listed writer.Object) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.headed || f.object.ETag != listed.ETag {
		return false
	}
	if f.listed.IsZero() {
		f.listed = listed.LastModified
	}
	return sameSecond(f.listed, listed.LastModified)
}

// complete asks S3 for what the entry of d lacks. Where the object is gone by
// now it is [writer.ErrNotFound].
func (d *dir) complete(e entry) (entry, error) { return d.completeBy(e, d.tree.findMarker) }

// completeBy is complete that asks for directories as it is told.
func (d *dir) completeBy(e entry, findMarker func(dirKey string) (writer.Object, error)) (entry, error) {
	if !d.unknown(e) {
		if object, ok := d.tree.heads.of(e.object); ok && !e.dir {
			e.object = object
		}
		return e, nil
	}
	if e.dir {
		marker, err := findMarker(d.currentKey() + e.name + "/")
		e.object, e.asked = marker, err == nil
		return e, err
	}
	object, err := d.tree.bucket.HeadObject(d.tree.ctx, e.object.Key)
	if err != nil {
		return e, err
	}
	d.tree.heads.put(object)
	e.object = object
	return e, nil
}

// askAhead completes the entries that follow, in parallel. Failures are for
// whoever asks for the name itself.
func (h *dirHandle) askAhead() {
	if h.page == nil || !h.dir.unknown(h.last) {
		return
	}
	at := max(0, h.position-1-dots-h.page.first)
	rest := h.page.entries[min(at, len(h.page.entries)):]
	var all errgroup.Group
	all.SetLimit(askParallel)
	var mu sync.Mutex // guards asked
	asked := map[string]entry{}
	for _, e := range rest[:min(len(rest), askAhead)] {
		if e, ok := h.listing.current(e); ok && h.dir.unknown(e) {
			findMarker := h.markerFinder(e)
			all.Go(func() (err error) {
				defer panics.Catch(h.dir.tree.o.Log, &err)
				if complete, err := h.dir.completeBy(e, findMarker); err == nil {
					mu.Lock()
					defer mu.Unlock()
					asked[e.name] = complete
				}
				return nil
			})
		}
	}
	_ = all.Wait() // see above
	h.asked = asked
}

// markerFinder is how to ask for the attributes of an entry that is a directory.
func (h *dirHandle) markerFinder(e entry) func(dirKey string) (writer.Object, error) {
	if e.dir {
		h.dirs++
	}
	if h.dirs > listAhead {
		return h.dir.tree.askMarker
	}
	return h.dir.tree.findMarker
}

// lookedUp is the entry just read, completed.
func (h *dirHandle) lookedUp() (entry, error) {
	if e, ok := h.asked[h.last.name]; ok {
		return e, nil
	}
	h.askAhead()
	if e, ok := h.asked[h.last.name]; ok {
		return e, nil
	}
	return h.dir.complete(h.last)
}

// own gives a new inode of directory d to whoever makes it: the caller where
// others than the one who mounted are let in, else whom the mount says; and to
// the group of a directory with set-group-ID.
func (n *node) own(ctx context.Context, d *dir) {
	c, ok := fuse.FromContext(ctx)
	if !ok || !n.tree.o.AllowOther || n.tree.o.keeps()&hasUID == 0 {
		return
	}
	uid, gid := n.meta.uid, n.meta.gid
	if int(c.Uid) != n.tree.mounter {
		uid, gid = c.Uid, c.Gid
	}
	if group, shared := d.group(); shared {
		gid = group
	}
	if uid != n.meta.uid {
		n.meta.uid, n.meta.set = uid, n.meta.set|hasUID
	}
	if gid != n.meta.gid {
		n.meta.gid, n.meta.set = gid, n.meta.set|hasGID
	}
}

// group is the group of a directory, and whether what is made in it gets that.
func (d *dir) group() (gid uint32, shared bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.meta.gid, d.meta.mode&syscall.S_ISGID != 0
}

// creationMode takes the mode of a new inode, which S3 must learn of if it is
// not the mount's.
func (n *node) creationMode(mode uint32) {
	mode &= 0o7777
	if n.tree.o.keeps()&hasMode != 0 && mode != n.meta.mode {
		n.meta.mode, n.meta.set = mode, n.meta.set|hasMode
	}
}
