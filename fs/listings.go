package fs

import (
	"maps"
	"slices"
	"time"
)

const (
	// maxRemembered bounds the memory of all listings, in pages.
	maxRemembered = 256
	// maxListings bounds their number.
	maxListings = 1024
	// maxChanged bounds the names in one that this mount has changed.
	maxChanged = maxPages * pageSize
)

// listingOf gives the listing by which to read a directory from its start: the
// one that somebody reads or just has read, or a new one.
func (t *Tree) listingOf(dirKey string) *listing {
	if l := t.knownListing(dirKey); l != nil && l.young() {
		return l
	}
	return t.newListing(dirKey)
}

// young tells whether the listing was begun within the time for which S3's word
// is believed, or is still being read.
func (l *listing) young() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ahead && l.tree.o.MetadataTTL > 0 && time.Since(l.started) < filling {
		return true // begun for the directory's attributes, as by ls -lR just before it reads it
	}
	return l.tree.fresh(l.started) || l.tree.fresh(l.told) && !l.complete
}

func (t *Tree) knownListing(dirKey string) *listing {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.listings[dirKey]
}

// newListing begins a listing, in which the names that only this mount knows
// are noted already.
func (t *Tree) newListing(dirKey string) *listing {
	l := &listing{tree: t, dirKey: dirKey, changed: map[string]*change{}, started: time.Now(), ahead: true}
	l.told, l.used = l.started, l.started
	t.mu.Lock()
	defer t.mu.Unlock()
	for name := range t.open[dirKey] {
		l.changed[name] = &change{entry: entry{name: name}}
	}
	for name := range t.kept[dirKey] {
		l.changed[name] = &change{entry: entry{name: name, dir: true}}
	}
	t.useAbove(dirKey)
	t.dropListings()
	l.replaced = t.listings[dirKey].stillRead()
	t.listings[dirKey] = l
	return l
}

// stillRead is the listing, or the one that it replaced, that somebody reads; nil
// if nobody does.
func (l *listing) stillRead() *listing {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.replaced
	l.replaced = nil
	if old = old.stillRead(); l.readers > 0 {
		l.replaced = old
		return l
	}
	return old
}

// emptyListing remembers that this mount made a directory, so that there is
// nothing in it.
func (t *Tree) emptyListing(dirKey string) {
	l := t.newListing(dirKey)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.complete, l.lastOwn = true, time.Now()
}

// dropListings makes room for one more, if need be so much that it need not be
// done again soon: those that were used last are kept, believed or not, since
// an old one still tells what to ask. t.mu is held.
func (t *Tree) dropListings() {
	pages := 0
	for _, l := range t.listings {
		pages += l.heldPages()
	}
	if pages < maxRemembered && len(t.listings) < maxListings {
		return
	}
	byUse := slices.SortedFunc(maps.Values(t.listings), func(a, b *listing) int { return b.lastUse().Compare(a.lastUse()) })
	pages = 0
	for i, l := range byUse {
		if pages += l.heldPages(); (pages > maxRemembered/2 || i >= maxListings/2) && !l.isRead() {
			delete(t.listings, l.dirKey)
		}
	}
}

// isRead tells whether somebody reads the listing, who must learn of what this
// mount does meanwhile.
func (l *listing) isRead() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.readers > 0
}

// useAbove keeps the listings of the directories above one that is read: whoever
// walks a tree goes on there. t.mu is held.
func (t *Tree) useAbove(dirKey string) {
	for dirKey != t.o.Prefix {
		dirKey, _ = split(dirKey)
		if l := t.listings[dirKey]; l != nil {
			l.use()
		}
	}
}

func (l *listing) use() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used = time.Now()
}

func (l *listing) lastUse() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.used
}

func (l *listing) heldPages() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	pages := l.held + len(l.changed)/pageSize
	if l.replaced != nil {
		pages += l.replaced.heldPages()
	}
	return pages
}

// forgetListings drops what is known of the directories at and below a key.
func (t *Tree) forgetListings(under func(dirKey string) bool) {
	t.misses.forgetIn(under)
	t.mu.Lock()
	defer t.mu.Unlock()
	for dirKey := range t.listings {
		if under(dirKey) {
			delete(t.listings, dirKey)
		}
	}
}

// note tells the listing of a key's directory, if there is one, what this mount
// did to the key.
func (t *Tree) note(key string, e entry, gone bool) {
	dirKey, name := split(key)
	e.name = name
	t.misses.forget(dirKey, name)
	l := t.knownListing(dirKey)
	if l.note(e, gone); l.overfull() {
		t.forgetListings(func(other string) bool { return other == dirKey })
	}
}

// overfull tells whether this mount has changed so many names of a directory that
// to remember them is worth no memory any more: S3 knows them.
func (l *listing) overfull() bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.changed) > maxChanged && l.readers == 0
}
