package fs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	gofuse "github.com/hanwen/go-fuse/v2/fs"

	"github.com/s3mpfs/s3mpfs/writer"
)

// renameParallel is the number of objects that are moved at the same time.
const renameParallel = 32

// cleanUp is how long undoing a failed rename may take.
const cleanUp = time.Minute

// renameDir moves everything under a directory to the key to. All objects are
// copied before the first is deleted; if a copy fails the copies are removed
// again, so that nothing has changed. Files that are being written wait
// meanwhile, and go on under their new names.
func (t *Tree) renameDir(d *dir, to string) syscall.Errno {
	from := d.currentKey()
	defer t.names.freeze(from)()
	objects, err := t.under(from)
	if err != nil {
		return t.fail("rename", from, err)
	}
	if len(objects) > t.o.RenameDirLimit {
		return syscall.EXDEV
	}
	if _, empty, err := t.inspect(to); err != nil {
		return t.fail("rename", from, err)
	} else if !empty {
		return syscall.ENOTEMPTY
	}
	files := t.openUnder(from)
	slices.SortFunc(files, func(a, b *file) int { return strings.Compare(a.currentKey(), b.currentKey()) })
	for _, f := range files { // in the order of their keys, as another rename may be at work
		f.io.Lock()
		defer f.io.Unlock()
	}
	copies, err := t.moveUnder(files, from, to)
	if err != nil {
		return t.fail("rename", from, err)
	}
	t.relocateUnder(d, files, copies, from, to)
	return 0
}

// under lists every object under a prefix, up to one more than may be renamed.
func (t *Tree) under(prefix string) (all []writer.Object, err error) {
	for token := ""; ; {
		objects, _, next, err := t.bucket.List(t.ctx, prefix, "", token, pageSize)
		if err != nil {
			return nil, err
		}
		all = append(all, objects...)
		if token = next; token == "" || len(all) > t.o.RenameDirLimit {
			return all, nil
		}
	}
}

func (t *Tree) openUnder(prefix string) (files []*file) {
	for _, f := range t.openFiles() {
		if strings.HasPrefix(f.currentKey(), prefix) {
			files = append(files, f)
		}
	}
	return files
}

// moveUnder moves all objects and gives the new ones, by key.
func (t *Tree) moveUnder(files []*file, from, to string) (moved map[string]writer.Object, err error) {
	if err := settleAll(files); err != nil {
		return nil, err
	}
	objects, err := t.under(from)
	if err != nil {
		return nil, err
	}
	if len(objects) == 0 { // a directory that only this mount knows
		_, err := t.putMarker(to, writer.Attributes{ContentType: markerType}, writer.Condition{})
		return nil, err
	}
	moved, err = t.copyAll(objects, from, to)
	if err != nil {
		return nil, errors.Join(err, t.deleteCopies(moved))
	}
	if err := t.deleteAll(t.ctx, objects); err != nil {
		return nil, fmt.Errorf("everything is copied to %s, but not all was deleted: %w", t.path(to), err)
	}
	return moved, nil
}

// settleAll publishes what the files have; their io is write-held.
func settleAll(files []*file) error {
	var work errgroup.Group
	for _, f := range files {
		work.Go(f.settle)
	}
	return work.Wait()
}

// copyAll copies objects from one prefix to another and gives the copies, by
// key.
func (t *Tree) copyAll(objects []writer.Object, from, to string) (copies map[string]writer.Object, err error) {
	var mu sync.Mutex // guards copies
	copies = map[string]writer.Object{}
	var work errgroup.Group
	work.SetLimit(renameParallel)
	for _, o := range objects {
		work.Go(func() error {
			copied, err := t.copyOne(o, to+strings.TrimPrefix(o.Key, from))
			if err != nil {
				return fmt.Errorf("%s: %w", t.path(o.Key), err)
			}
			mu.Lock()
			defer mu.Unlock()
			copies[copied.Key] = copied
			return nil
		})
	}
	return copies, work.Wait()
}

// copyOne copies an object with its attributes, which a listing does not tell,
// and verifies the copy.
func (t *Tree) copyOne(o writer.Object, to string) (writer.Object, error) {
	src, err := t.bucket.HeadObject(t.ctx, o.Key)
	if err != nil {
		return src, err
	}
	copied, err := t.duplicate(src, to)
	if err == nil && copied.Size != src.Size {
		err = fmt.Errorf("the copy has %d bytes of %d", copied.Size, src.Size)
	}
	copied.Attributes = src.Attributes
	return copied, err
}

// duplicate copies an object, but makes the marker of a directory anew: some
// stores copy none.
func (t *Tree) duplicate(src writer.Object, to string) (writer.Object, error) {
	if strings.HasSuffix(src.Key, "/") && src.Size == 0 {
		return t.putMarker(to, src.Attributes, writer.Condition{})
	}
	return t.copy(src, to, src.Attributes, writer.Condition{})
}

// deleteCopies undoes copyAll.
func (t *Tree) deleteCopies(copies map[string]writer.Object) error {
	ctx, cancel := context.WithTimeout(context.Background(), cleanUp)
	defer cancel()
	var objects []writer.Object
	for _, o := range copies {
		objects = append(objects, o)
	}
	return t.deleteAll(ctx, objects)
}

func (t *Tree) deleteAll(ctx context.Context, objects []writer.Object) error {
	var work errgroup.Group
	work.SetLimit(renameParallel)
	for _, o := range objects {
		work.Go(func() error { return t.bucket.DeleteObject(ctx, o.Key) })
	}
	return work.Wait()
}

// relocateUnder gives the nodes at and below d their new keys and objects, and
// drops what was known about both places. The io of files is write-held.
func (t *Tree) relocateUnder(d *dir, files []*file, copies map[string]writer.Object, from, to string) {
	for _, f := range files {
		f.relocateTo(to+strings.TrimPrefix(f.currentKey(), from), copies)
	}
	walk(&d.Inode, func(n gofuse.InodeEmbedder) {
		switch n := n.(type) {
		case *dir:
			t.setKey(&n.node, from, to)
		case *file:
			n.follow(copies, from, to)
		}
	})
	t.renameKept(from, to)
	t.forgetListings(func(dirKey string) bool {
		return strings.HasPrefix(dirKey, from) || strings.HasPrefix(dirKey, to)
	})
	t.note(to, entry{dir: true}, false)
}

// relocateTo makes f go on under another key, with the copy of its object.
// f.io is write-held.
func (f *file) relocateTo(key string, copies map[string]writer.Object) {
	f.tree.moved(f, key)
	if object, ok := copies[key]; ok {
		f.relocate(object)
	}
}

// follow moves a file that had no content when its directory was renamed. One
// that was begun since moves by itself.
func (f *file) follow(copies map[string]writer.Object, from, to string) {
	rest, ok := strings.CutPrefix(f.currentKey(), from)
	if !ok {
		return
	}
	f.io.Lock()
	defer f.io.Unlock()
	if f.current() != nil {
		f.fail("rename", f.tree.renameHeld(f, to+rest, nil, false))
		return
	}
	f.relocateTo(to+rest, copies)
}

func (t *Tree) setKey(n *node, from, to string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n.key = to + strings.TrimPrefix(n.key, from)
}

// renameKept moves what keep remembers.
func (t *Tree) renameKept(from, to string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for parent, names := range t.kept {
		if rest, ok := strings.CutPrefix(parent, from); ok {
			delete(t.kept, parent)
			t.kept[to+rest] = names
		}
	}
}

// walk calls visit for the nodes at and below n that the kernel knows.
func walk(n *gofuse.Inode, visit func(gofuse.InodeEmbedder)) {
	visit(n.Operations())
	for _, child := range n.Children() {
		walk(child, visit)
	}
}
