package fs

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/s3mpfs/s3mpfs/internal/panics"
	"github.com/s3mpfs/s3mpfs/writer"
)

// renaming is a directory on its way from one prefix to another.
//
// Everything is copied before the first object is deleted. Both prefixes are
// listed again and again until the listings say that there is nothing left to
// copy: each object of the source has a copy of its size, with the ETag that
// the copying told, made of the version that is there now. So what somebody
// else changes meanwhile is copied once more and not lost. If a copy fails, all
// are removed again and nothing has changed.
//
// Before the first copy the target's marker is made to say what comes: a
// process that dies in between, or a delete that fails, leaves a rename that
// the same rename(2) onto the target (mv -T) finishes, although the target is
// not empty then.
type renaming struct {
	tree     *Tree
	from, to string
	since    time.Time
	restart  bool           // the target holds a part of it from before
	marker   *writer.Object // of the source, if it has one
	target   *writer.Object // the marker of the empty directory that is replaced, if there was one
	unmarked error          // why the target's marker still says that the rename is under way, when it has ended

	mu      sync.Mutex // guards what follows; never held across I/O
	objects int
	bytes   int64
	copies  map[string]copied // by the key of the source
	tried   []writer.Object   // objects of the source of which there may be a copy
	copied  int64             // bytes
	deleted int
}

// copied is an object of the source and what was made of it.
type copied struct {
	src, made writer.Object
	moved     bool // by RenameObject: there is nothing to delete
}

const (
	// renameParallel is the number of objects that are moved at the same time.
	renameParallel = 32
	// cleanUp is how long undoing a failed rename may take.
	cleanUp = time.Minute
	// renameRounds is how often the directory may be found changed by others.
	renameRounds = 10
	// renameKey is the user metadata of a target's marker that says which
	// rename is under way, by a digest of the source's key.
	renameKey = "s3mpfs-rename"
)

// errNotEmpty: the target of a rename holds what is no part of it.
var errNotEmpty = errors.New("the directory is not empty")

func (t *Tree) newRenaming(from, to string, objects []writer.Object) *renaming {
	r := &renaming{tree: t, from: from, to: to, since: time.Now(), copies: map[string]copied{}}
	for _, o := range objects {
		if r.bytes += o.Size; o.Key == from {
			r.marker = &o
		}
	}
	r.objects = len(objects)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.renames[r] = struct{}{}
	return r
}

// renamed ends the account of a rename.
func (t *Tree) renamed(r *renaming) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.renames, r)
}

// run moves the objects, which are those that the source holds.
func (r *renaming) run(objects []writer.Object) error {
	if err := r.announce(); err != nil {
		return err
	}
	objects, err := r.copyAll(objects)
	if err != nil {
		return errors.Join(err, r.undo())
	}
	if err := r.deleteAll(objects); err != nil && !r.holdsOnlyItsMarker() {
		return fmt.Errorf("everything is copied to %s, but not all is deleted here (mv -T finishes it): %w", r.tree.path(r.to), err)
	}
	return r.finish()
}

// announce looks at the target and puts its marker, which has what the
// source's has.
func (r *renaming) announce() error {
	t := r.tree
	marked, empty, err := t.inspect(r.to)
	if err != nil {
		return err
	}
	if marked {
		marker, err := t.bucket.HeadObject(t.ctx, r.to)
		if err != nil {
			return err
		}
		r.restart = marker.Attributes.Metadata[renameKey] == r.digest() && !t.local(r.to)
		r.target = &marker
	}
	if !empty && !r.restart {
		return errNotEmpty
	}
	if r.marker != nil {
		marker, err := t.bucket.HeadObject(t.ctx, r.from)
		if err != nil {
			return err
		}
		delete(marker.Attributes.Metadata, renameKey)
		r.marker = &marker
	}
	if r.restart {
		return nil
	}
	attrs := r.attributes()
	attrs.Metadata = maps.Clone(attrs.Metadata)
	if attrs.Metadata == nil {
		attrs.Metadata = map[string]string{}
	}
	attrs.Metadata[renameKey] = r.digest()
	_, err = t.putMarker(r.to, attrs, writer.Condition{})
	return err
}

// attributes are those of the target's marker in the end.
func (r *renaming) attributes() writer.Attributes {
	if r.marker != nil {
		return r.marker.Attributes
	}
	return writer.Attributes{ContentType: markerType}
}

func (r *renaming) digest() string { return fmt.Sprintf("%x", sha256.Sum256([]byte(r.from))) }

// copyAll copies until there is nothing left to copy, and gives the objects of
// the source, each of which has its copy then.
func (r *renaming) copyAll(objects []writer.Object) ([]writer.Object, error) {
	var there map[string]writer.Object
	for round := range renameRounds {
		var err error
		if round > 0 || r.restart {
			if there, err = r.listTarget(); err != nil {
				return nil, err
			}
		}
		todo, err := r.missing(objects, there)
		if err != nil || len(todo) == 0 {
			return objects, err
		}
		if err := r.copyEach(todo); err != nil {
			return nil, err
		}
		if objects, err = r.tree.under(r.from, r.tree.o.RenameDirLimit); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: others go on changing the directory", writer.ErrConflict)
}

func (r *renaming) listTarget() (map[string]writer.Object, error) {
	objects, err := r.tree.under(r.to, 2*r.tree.o.RenameDirLimit)
	there := make(map[string]writer.Object, len(objects))
	for _, o := range objects {
		there[o.Key] = o
	}
	return there, err
}

// missing gives the objects of the source that have no copy among those that
// are there. Where an earlier try has made it, its size and time must tell.
func (r *renaming) missing(objects []writer.Object, there map[string]writer.Object) (todo []writer.Object, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range objects {
		if o.Key == r.from { // moved last
			continue
		}
		target, exists := there[r.targetOf(o.Key)]
		ours, known := r.copies[o.Key]
		switch {
		case !exists, known && (ours.src.ETag != o.ETag || ours.made.ETag != target.ETag || target.Size != o.Size):
			todo = append(todo, o)
		case known: // and verified
		case target.Size == o.Size && !target.LastModified.Before(o.LastModified):
			r.copies[o.Key] = copied{src: o, made: target}
		case target.LastModified.Before(o.LastModified):
			todo = append(todo, o)
		default:
			return nil, fmt.Errorf("%w: %s was changed since the rename was begun", errNotEmpty, r.tree.path(target.Key))
		}
	}
	return todo, r.movedAreThere(there)
}

// movedAreThere checks what RenameObject did. mu is held.
func (r *renaming) movedAreThere(there map[string]writer.Object) error {
	for key, c := range r.copies {
		if o, ok := there[c.made.Key]; c.moved && (!ok || o.Size != c.src.Size) {
			return fmt.Errorf("%w: %s was moved, and is not there", writer.ErrConflict, r.tree.path(key))
		}
	}
	return nil
}

func (r *renaming) targetOf(key string) string { return r.to + strings.TrimPrefix(key, r.from) }

func (r *renaming) copyEach(objects []writer.Object) error {
	var work errgroup.Group
	work.SetLimit(renameParallel)
	for _, o := range objects {
		work.Go(func() (err error) {
			defer panics.Catch(r.tree.o.Log, &err)
			r.mu.Lock()
			r.tried = append(r.tried, o)
			r.mu.Unlock()
			c, err := r.copyOne(o)
			if err != nil {
				return fmt.Errorf("%s: %w", r.tree.path(o.Key), err)
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			if _, again := r.copies[o.Key]; !again {
				r.copied += o.Size
			}
			r.copies[o.Key] = c
			return nil
		})
	}
	return work.Wait()
}

// copyOne copies an object with its attributes, which a listing does not tell.
// One that is gone meanwhile needs no copy.
func (r *renaming) copyOne(o writer.Object) (copied, error) {
	t, to := r.tree, r.targetOf(o.Key)
	moved, err := t.move(o, to, writer.Condition{})
	if !errors.Is(err, writer.ErrUnsupported) {
		return copied{src: o, made: moved, moved: true}, err
	}
	src, err := t.bucket.HeadObject(t.ctx, o.Key)
	if err != nil {
		return copied{}, err
	}
	src.Attributes = t.movedAttributes(src, to)
	made, err := t.duplicate(src, to)
	made.Attributes, made.TagCount = src.Attributes, src.TagCount
	return copied{src: src, made: made}, err
}

// duplicate copies an object, but makes the marker of a directory anew: some
// stores copy none.
func (t *Tree) duplicate(src writer.Object, to string) (writer.Object, error) {
	if strings.HasSuffix(src.Key, "/") && src.Size == 0 {
		return t.putMarker(to, src.Attributes, writer.Condition{})
	}
	return t.copy(src, to, src.Attributes, writer.Condition{})
}

// undo removes the copies, those too whose making seems to have failed, unless
// they finish what an earlier try has begun.
func (r *renaming) undo() error {
	if r.restart {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleanUp)
	defer cancel()
	if err := bottomUp(r.tried, func(o writer.Object) error { return r.putBack(ctx, o) }); err != nil {
		return err
	}
	if r.target != nil {
		body := writer.NewBody(r.tree.engine.Options().Checksum)
		_, err := r.tree.bucket.PutObject(ctx, r.to, r.target.Attributes, body, writer.Condition{})
		return err
	}
	return r.tree.bucket.DeleteObject(ctx, r.to)
}

// putBack undoes what may have been done to an object of the source.
func (r *renaming) putBack(ctx context.Context, o writer.Object) (err error) {
	defer panics.Catch(r.tree.o.Log, &err)
	target := o
	target.Key = r.targetOf(o.Key)
	_, err = r.tree.moveWithin(ctx, target, o.Key, writer.Condition{IfNoneMatch: true})
	switch {
	case errors.Is(err, writer.ErrUnsupported):
		return r.tree.bucket.DeleteObject(ctx, target.Key)
	case errors.Is(err, writer.ErrNotFound), errors.Is(err, writer.ErrPrecondition): // it was not moved
		return nil
	}
	return err
}

// deleteAll deletes the objects of the source, but not its marker.
func (r *renaming) deleteAll(objects []writer.Object) error {
	return bottomUp(objects, func(o writer.Object) (err error) {
		defer panics.Catch(r.tree.o.Log, &err)
		if o.Key == r.from {
			return nil
		}
		err = r.tree.bucket.DeleteObject(r.tree.ctx, o.Key)
		r.mu.Lock()
		defer r.mu.Unlock()
		if err == nil {
			r.deleted++
		}
		return err
	})
}

// holdsOnlyItsMarker tells whether the source is emptied although a delete has
// failed: it may be that only its answer was lost.
func (r *renaming) holdsOnlyItsMarker() bool {
	left, err := r.tree.under(r.from, 1)
	return err == nil && (len(left) == 0 || len(left) == 1 && left[0].Key == r.from)
}

func (r *renaming) holdsAnything() bool {
	left, err := r.tree.under(r.from, 1)
	return err != nil || len(left) > 0
}

// finish gives the target the marker that the source had, or none unless it is
// a directory that only this mount knows. What is left undone then hurts
// nobody.
func (r *renaming) finish() error {
	t := r.tree
	if r.marker != nil {
		if err := t.bucket.DeleteObject(t.ctx, r.from); err != nil && r.holdsAnything() {
			return err
		}
	}
	var err error
	switch {
	case r.marker != nil && r.marker.Size > 0:
		_, err = t.copy(*r.marker, r.to, r.attributes(), writer.Condition{})
	case r.marker != nil || r.objects == 0:
		_, err = t.putMarker(r.to, r.attributes(), writer.Condition{})
	default:
		err = t.bucket.DeleteObject(t.ctx, r.to)
	}
	if err != nil {
		t.o.Log.Warn("a directory was renamed, but its marker still says that it is being renamed", "path", t.path(r.to), "error", err)
		r.unmarked = err
	}
	return nil
}

// made gives the new objects by their keys.
func (r *renaming) made() map[string]writer.Object {
	r.mu.Lock()
	defer r.mu.Unlock()
	objects := make(map[string]writer.Object, len(r.copies))
	for _, c := range r.copies {
		objects[c.made.Key] = c.made
	}
	return objects
}
