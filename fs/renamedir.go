package fs

import (
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"

	gofuse "github.com/hanwen/go-fuse/v2/fs"

	"github.com/s3mpfs/s3mpfs/internal/panics"
	"github.com/s3mpfs/s3mpfs/writer"
)

// renameDir moves everything under a directory to a name in another; see
// [renaming]. Files that are being written wait meanwhile, and go on under their
// new names. So does the end of the mount.
func (t *Tree) renameDir(d, target *dir, name string) syscall.Errno {
	t.behind.RLock()
	defer t.behind.RUnlock()
	from, to := d.currentKey(), target.currentKey()+name+"/"
	defer t.names.freeze(from)()
	return target.loseDir(name, func() syscall.Errno { return t.moveDir(d, from, to) })
}

func (t *Tree) moveDir(d *dir, from, to string) syscall.Errno {
	objects, err := t.under(from, t.o.RenameDirLimit)
	if err != nil {
		return t.fail("rename", from, err)
	}
	if len(objects) > t.o.RenameDirLimit {
		return syscall.EXDEV
	}
	files := t.openUnder(from)
	slices.SortFunc(files, func(a, b *file) int { return strings.Compare(a.currentKey(), b.currentKey()) })
	for _, f := range files { // in the order of their keys, as another rename may be at work
		f.io.Lock()
		defer f.io.Unlock()
	}
	if len(files) > 0 {
		if err := t.settleAll(files); err != nil {
			return t.fail("rename", from, err)
		}
		if objects, err = t.under(from, t.o.RenameDirLimit); err != nil {
			return t.fail("rename", from, err)
		}
	}
	r := t.newRenaming(from, to, objects)
	defer t.renamed(r)
	if err := r.run(objects); err == errNotEmpty {
		return syscall.ENOTEMPTY
	} else if err != nil {
		t.forgetBoth(from, to)
		return t.fail("rename", from, err)
	}
	t.relocateUnder(d, files, r.made(), from, to)
	if r.unmarked != nil {
		d.setLater()
	}
	return 0
}

// under lists the objects under a prefix, and stops soon after most of them.
func (t *Tree) under(prefix string, most int) (all []writer.Object, err error) {
	for token := ""; ; {
		objects, _, next, err := t.bucket.List(t.ctx, prefix, "", token, pageSize)
		if err != nil {
			return nil, err
		}
		all = append(all, objects...)
		if token = next; token == "" || len(all) > most {
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

// settleAll publishes what the files have; their io is write-held.
func (t *Tree) settleAll(files []*file) error {
	var work errgroup.Group
	for _, f := range files {
		work.Go(func() (err error) {
			defer panics.Catch(t.o.Log, &err)
			return f.settle()
		})
	}
	return work.Wait()
}

// movedAttributes are those of an object's copy that is to be the same file: with
// what is pending, and with its time.
func (t *Tree) movedAttributes(src writer.Object, to string) writer.Attributes {
	dirKey, name := split(src.Key)
	if f := t.openFile(dirKey, name); f != nil && f.hasPending() {
		f.keepTime()
		return f.attributesAs(to)
	}
	a := src.Attributes
	if _, stored := a.Metadata[timeKey]; !stored && t.keepsTime(src.LastModified) && !strings.HasSuffix(src.Key, "/") {
		p := posix{mtime: src.LastModified, set: hasTime}
		a.Metadata = p.into(a.Metadata, 0)
	}
	return a
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
			n.forgetMarker()
		case *file:
			n.follow(copies, from, to)
		}
	})
	t.renameKept(from, to)
	t.forgetBoth(from, to)
	t.note(to, entry{dir: true}, false)
}

func (t *Tree) forgetBoth(from, to string) {
	t.forgetListings(func(dirKey string) bool {
		return strings.HasPrefix(dirKey, from) || strings.HasPrefix(dirKey, to)
	})
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
	f.copied.Lock()
	defer f.copied.Unlock()
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
