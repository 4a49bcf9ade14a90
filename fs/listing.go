package fs

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/s3mpfs/s3mpfs/writer"
)

// entry is a name in a directory: a directory, or a file with its object.
type entry struct {
	name   string
	dir    bool
	object writer.Object // zero if S3 does not have it yet; of a directory its marker
	asked  bool          // object is the directory's marker, or there is none
}

// listing is one pass through the LIST pages of a directory, made page by page
// as somebody reads it, shared by all who read the directory at that time and
// used to answer lookups while it is believed. What this mount changes
// meanwhile is noted in it, so that it shows our own writes at once.
type listing struct {
	tree     *Tree
	dirKey   string
	replaced *listing // by this one, while somebody still read it

	load sync.Mutex // held across LIST, so that readers of one directory ask once

	mu       sync.Mutex // guards what follows; never held across I/O
	pages    []*page
	held     int     // pages whose entries are in memory, the last ones
	next     string  // token of the next page
	carry    []entry // files of the last page that a prefix of the next one may hide
	complete bool    // there is no next page
	changed  map[string]*change
	started  time.Time
	told     time.Time // when S3 gave the last page
	lastOwn  time.Time // when this mount last added a name
	exists   bool      // S3 showed something of the directory, its marker at least
	walked   int       // position of the furthest name that was looked up
	walkedAt time.Time
	used     time.Time     // when it was last looked at
	readers  int           // handles
	ahead    bool          // nobody has read it yet
	sought   bool          // made to look for names, see misses
	marker   writer.Object // of the directory, without a key if there is none
}

// page is an answer to LIST.
type page struct {
	first   int            // position in the listing of the first entry
	count   int            // entries
	token   string         // that gave it
	carry   []entry        // that came into it from the page before
	entries []entry        // nil when given up to save memory
	index   map[string]int // of entries, by name; made by the first lookup
}

// change is what this mount did to a name since the listing began.
type change struct {
	entry
	gone  bool
	paged bool // the name is in a page
}

const (
	// pageSize is S3's greatest.
	pageSize = 1000
	// maxPages bounds the memory of one listing, at some 300 bytes an entry.
	// Of a longer directory the first pages are asked for again when somebody
	// seeks back.
	maxPages = 128
	// filling is how long after this mount's last addition to a directory its
	// listing is still believed when it says that a name is not there, so that
	// a tool that copies many files does not ask for each.
	filling = 5 * time.Second
)

// busyLimit is how old a listing may become by its being used. Tests change it.
var busyLimit = time.Minute

// believed tells whether a listing still answers lookups. One that took long to
// read is believed for twice that time, so that find, which looks names up after
// reading them, does not ask for each; one that somebody is reading, or whose
// names somebody looks up one after the other, or whose directory this mount is
// filling, up to busyLimit.
func (l *listing) believed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	ttl := l.tree.o.MetadataTTL
	if ttl == 0 {
		return false
	}
	age := time.Since(l.told)
	busy := l.readers > 0 || l.fillingLocked() || time.Since(l.walkedAt) < ttl
	return age < max(ttl, 2*l.told.Sub(l.started)) || busy && age < busyLimit
}

// fillingLocked tells whether this mount is adding names to the directory.
func (l *listing) fillingLocked() bool {
	return l.complete && !l.sought && time.Since(l.lastOwn) < max(filling, l.tree.o.MetadataTTL)
}

// worthRenewing tells whether to read the directory again rather than ask for
// single names: it is being filled, and it is short or so fast that as many
// names come again.
func (l *listing) worthRenewing() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	pages := len(l.pages) + len(l.changed)/pageSize
	return l.tree.o.MetadataTTL > 0 && l.fillingLocked() && pages <= max(10, len(l.changed)/10) && pages <= maxPages
}

// page gives page i, asking S3 if need be, or nil after the end.
func (l *listing) page(i int) (*page, error) {
	if p, ok := l.have(i); ok {
		return p, nil
	}
	l.load.Lock()
	defer l.load.Unlock()
	if p, ok := l.have(i); ok {
		return p, nil
	}
	token, carry := l.request(i)
	objects, prefixes, next, err := l.tree.bucket.List(l.tree.ctx, l.dirKey, "/", token, pageSize)
	if err != nil {
		return nil, err
	}
	return l.add(i, token, carry, objects, prefixes, next), nil
}

// have gives page i if it is in memory, and nil and true after the end. The
// page is a snapshot.
func (l *listing) have(i int) (*page, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i >= len(l.pages) {
		return nil, l.complete
	}
	p := *l.pages[i]
	return &p, p.entries != nil
}

// request tells with what to ask for page i.
func (l *listing) request(i int) (token string, carry []entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i < len(l.pages) {
		return l.pages[i].token, l.pages[i].carry
	}
	return l.next, l.carry
}

// add makes page i of S3's answer.
func (l *listing) add(i int, token string, carry []entry, objects []writer.Object, prefixes []string, next string) *page {
	entries, rest := l.merge(carry, objects, prefixes, next != "")
	l.mu.Lock()
	defer l.mu.Unlock()
	if i < len(l.pages) { // asked for again; whoever seeks back keeps it for himself
		p := *l.pages[i]
		p.entries, p.index = append(entries, make([]entry, p.count)...)[:p.count], nil // the positions stay, though names may be gone
		return &p
	}
	p := &page{token: token, carry: carry, entries: entries, count: len(entries)}
	if i > 0 {
		p.first = l.pages[i-1].first + l.pages[i-1].count
	}
	l.pages = append(l.pages, p)
	if i == 0 && len(objects) > 0 && objects[0].Key == l.dirKey {
		l.marker = objects[0]
	}
	l.next, l.carry, l.complete, l.told = next, rest, next == "", time.Now()
	l.used = l.told
	l.exists = l.exists || len(objects)+len(prefixes) > 0
	if l.held++; l.held > maxPages {
		old := l.pages[len(l.pages)-l.held]
		old.entries, old.index = nil, nil
		l.held--
	}
	l.markPaged(entries)
	copied := *p
	return &copied
}

func (l *listing) markPaged(entries []entry) {
	if len(l.changed) == 0 {
		return
	}
	for _, e := range entries {
		if c := l.changed[e.name]; c != nil {
			c.paged = true
		}
	}
}

// merge makes entries of what LIST gave, following the rules of [badName]. A
// file that a prefix of the same name may still follow, as "a-b" sorts between
// "a" and "a/", is carried into the next page.
func (l *listing) merge(carry []entry, objects []writer.Object, prefixes []string, more bool) (entries, rest []entry) {
	dirs := make(map[string]struct{}, len(prefixes))
	entries = make([]entry, 0, len(prefixes)+len(objects)+len(carry))
	for _, p := range prefixes {
		name := strings.TrimSuffix(p[len(l.dirKey):], "/")
		if reason := badName(name); reason != "" {
			l.tree.hide(p, reason)
			continue
		}
		if name == AsideDir {
			l.tree.hideAside(p)
			continue
		}
		dirs[name] = struct{}{}
		entries = append(entries, entry{name: name, dir: true})
	}
	files := append(make([]entry, 0, len(carry)+len(objects)), carry...)
	for _, o := range objects {
		if e, ok := l.fileEntry(o); ok {
			files = append(files, e)
		}
	}
	last := lastKey(objects, prefixes)
	for _, e := range files {
		if _, ok := dirs[e.name]; ok {
			l.tree.hide(e.object.Key, "a directory has the same name")
		} else if more && e.object.Key+"/" > last {
			rest = append(rest, e)
		} else {
			entries = append(entries, e)
		}
	}
	return entries, rest
}

func (l *listing) fileEntry(o writer.Object) (entry, bool) {
	name := o.Key[len(l.dirKey):]
	if name == "" {
		return entry{}, false // the directory's own marker
	}
	if reason := badName(name); reason != "" {
		l.tree.hide(o.Key, reason)
		return entry{}, false
	}
	return entry{name: name, object: o}, true
}

func lastKey(objects []writer.Object, prefixes []string) (last string) {
	if n := len(objects); n > 0 {
		last = objects[n-1].Key
	}
	if n := len(prefixes); n > 0 {
		last = max(last, prefixes[n-1])
	}
	return last
}

// lookup finds a name in what was read so far. known says that the answer is
// certain.
func (l *listing) lookup(name string) (e entry, found, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used = time.Now()
	if c := l.changed[name]; c != nil {
		return c.entry, !c.gone, true
	}
	for _, p := range slices.Backward(l.pages) {
		if i, ok := p.find(name); ok {
			l.walk(p.first + i)
			return p.entries[i], true, true
		}
	}
	return entry{}, false, l.complete && l.held == len(l.pages)
}

// firstLook finds a name that the listing, or the one that it replaced, has given
// to somebody who still reads it and goes from name to name. He is told what he
// read, however long he took, once: so whoever pauses an ls -l, or a machine that
// stands still, does not make each name be asked for.
func (l *listing) firstLook(name string) (e entry, found bool) {
	if l == nil || l.tree.o.MetadataTTL == 0 {
		return entry{}, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.readers > 0 && l.changed[name] == nil {
		for _, p := range slices.Backward(l.pages) {
			if i, ok := p.find(name); ok && p.first+i > l.walked {
				l.walk(p.first + i)
				return p.entries[i], true
			}
		}
	}
	return l.replaced.firstLook(name)
}

// walk notes that the name at a position was looked up. Who goes from name to
// name in the listing's order is walking it, as ls -l and find do; who looks at
// the same few names again and again wants to know what is new. mu is held.
func (l *listing) walk(position int) {
	if position > l.walked {
		l.walked, l.walkedAt = position, time.Now()
	}
}

func (p *page) find(name string) (int, bool) {
	if p.index == nil && p.entries != nil {
		p.index = make(map[string]int, len(p.entries))
		for i, e := range p.entries {
			p.index[e.name] = i
		}
	}
	i, ok := p.index[name]
	return i, ok
}

// note records what this mount did to a name, for those too who still read the
// listings before.
func (l *listing) note(e entry, gone bool) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.replaced.note(e, gone)
	c := l.changed[e.name]
	if c == nil {
		c = &change{}
		for _, p := range l.pages {
			if _, ok := p.find(e.name); ok {
				c.paged = true
				break
			}
		}
		l.changed[e.name] = c
	}
	c.entry, c.gone = e, gone
	if !gone {
		l.lastOwn = time.Now()
	}
}

// current is e as this mount has changed it since.
func (l *listing) current(e entry) (entry, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.changed[e.name]; c != nil {
		return c.entry, !c.gone
	}
	return e, true
}

// added are the names that this mount made and that no page has, in order.
func (l *listing) added() (entries []entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.changed {
		if !c.gone && !c.paged {
			entries = append(entries, c.entry)
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return entries
}

// read counts the handles that read the listing.
func (l *listing) read(delta int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readers += delta
	l.ahead = false
}

// locate gives the number of the page that holds a position, or of the next page to read.
func (l *listing) locate(position int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, _ := slices.BinarySearchFunc(l.pages, position, func(p *page, position int) int {
		if p.first+p.count <= position {
			return -1
		}
		return 1
	})
	return i
}
