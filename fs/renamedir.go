package fs

import (
	"context"
	"errors"
	"fmt"
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
// again, so that nothing has changed.
func (t *Tree) renameDir(d *dir, to string) syscall.Errno {
	from := d.currentKey()
	objects, err := t.under(from)
	if err == nil && len(objects) > t.o.RenameDirLimit {
		return syscall.EXDEV
	}
	if err == nil {
		if _, empty, e := t.inspect(to); e == nil && !empty {
			return syscall.ENOTEMPTY
		} else {
			err = e
		}
	}
	if err == nil {
		err = t.publishUnder(from)
	}
	if err == nil {
		objects, err = t.under(from) // with what was just published
	}
	if err != nil {
		return t.fail("rename", from, err)
	}
	return t.fail("rename", from, t.moveAll(d, objects, from, to))
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

// publishUnder publishes the files being written under a prefix.
func (t *Tree) publishUnder(prefix string) error {
	var files errgroup.Group
	for _, f := range t.openUnder(prefix) {
		files.Go(func() error {
			f.io.Lock()
			defer f.io.Unlock()
			return f.settle()
		})
	}
	return files.Wait()
}

func (t *Tree) openUnder(prefix string) (files []*file) {
	for _, f := range t.openFiles() {
		if strings.HasPrefix(f.currentKey(), prefix) {
			files = append(files, f)
		}
	}
	return files
}

func (t *Tree) moveAll(d *dir, objects []writer.Object, from, to string) error {
	copies, err := t.copyAll(objects, from, to)
	if err != nil {
		return errors.Join(err, t.deleteCopies(copies))
	}
	if err := t.deleteAll(t.ctx, objects); err != nil {
		return fmt.Errorf("everything is copied to %s, but not all was deleted: %w", t.path(to), err)
	}
	t.relocateUnder(d, copies, from, to)
	return nil
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
// drops what was known about both places.
func (t *Tree) relocateUnder(d *dir, copies map[string]writer.Object, from, to string) {
	for _, f := range t.openUnder(from) {
		f.relocateTo(to+strings.TrimPrefix(f.currentKey(), from), copies)
	}
	walk(&d.Inode, func(n gofuse.InodeEmbedder) {
		switch n := n.(type) {
		case *dir:
			t.setKey(&n.node, from, to)
		case *file:
			if strings.HasPrefix(n.currentKey(), from) {
				n.relocateTo(to+strings.TrimPrefix(n.currentKey(), from), copies)
			}
		}
	})
	t.renameKept(from, to)
	t.forgetListings(func(dirKey string) bool {
		return strings.HasPrefix(dirKey, from) || strings.HasPrefix(dirKey, to)
	})
	t.note(to, entry{dir: true}, false)
}

// relocateTo makes f go on under another key, with the copy of its object.
func (f *file) relocateTo(key string, copies map[string]writer.Object) {
	f.io.Lock()
	defer f.io.Unlock()
	f.tree.moved(f, key)
	if object, ok := copies[key]; ok {
		f.relocate(object)
	}
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
