package fs

import (
	"maps"
	"slices"
)

// A server-side copy is made when the file that it goes into is published, so
// until then the object it comes from must stay. Before this mount changes or
// removes the file that lent it, the files that borrowed it are published. They
// cannot have lent to each other in a circle, since a file is published before
// something is copied from it.

// lend remembers that unpublished content of to is a copy of the object of f.
func (f *file) lend(to *file) {
	f.mu.Lock()
	lent := slices.Collect(maps.Keys(f.lent))
	f.mu.Unlock()
	lent = slices.DeleteFunc(lent, (*file).unpublished)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, other := range lent { // which have it by now
		delete(f.lent, other)
	}
	if f.lent == nil {
		f.lent = map[*file]struct{}{}
	}
	f.lent[to] = struct{}{}
}

func (f *file) unpublished() bool {
	c := f.current()
	return c != nil && c.Dirty() && !f.isUnlinked()
}

// recall publishes the files that the object of f was lent to. Where that
// fails, they have failed and say so themselves. It takes no io, which whoever
// calls may hold of any of them.
func (f *file) recall() {
	f.mu.Lock()
	lent := f.lent
	f.lent = nil
	f.mu.Unlock()
	for to := range lent {
		if c := to.current(); to.unpublished() && c.Publish() == nil {
			to.published(c)
		}
	}
}
