package fs

import (
	"sync"
	"time"
)

// A name that is not there costs two requests to find out. It is believed to be
// missing for Options.MetadataTTL if it is the last one of its directory that was:
// programs look for a name before they make it, and the kernel does once more.
// Whoever looks for many
// in one directory, as a tool does that is about to make them there, has it
// listed instead: one LIST answers for all names of a short directory. A long one
// is tried again only after as many more names as make up for the LISTs that
// were in vain. Such a listing is believed for Options.MetadataTTL and no longer,
// since other machines may put things there that a program waits for.

// misses remembers by directory the names that were looked for in vain.
type misses struct {
	mu   sync.Mutex // guards what follows
	in   map[string]*miss
	made int // how often this mount made, or took away, a name
}

type miss struct {
	name     string    // the last one
	at       time.Time // when it was looked for
	believed bool      // it is still missing, for all that this mount knows
	vain     int       // names since the directory was listed
	need     int       // of them to list it
	pages    int       // at most
}

const (
	// namesPerPage must be looked for in vain before a page is read for them.
	namesPerPage = 8
	// maxMisses bounds the memory of misses, in directories.
	maxMisses = 1024
)

// begin is to be called before S3 is asked for a name, and gives what note wants.
func (m *misses) begin() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.made
}

// forget takes note that this mount made a name or took it away, and with it
// perhaps the directories above.
func (m *misses) forget(dirKey, name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.made++
	for name != "" {
		if d := m.in[dirKey]; d != nil && d.name == name {
			d.believed = false
		}
		dirKey, name = split(dirKey)
	}
}

// forgetIn is forget of all names of some directories.
func (m *misses) forgetIn(which func(dirKey string) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.made++
	for dirKey, d := range m.in {
		if which(dirKey) {
			d.believed = false
		}
	}
}

// absent tells whether a name was missing less than ttl ago.
func (m *misses) absent(dirKey, name string, ttl time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.in[dirKey]
	return d != nil && d.believed && d.name == name && time.Since(d.at) < ttl
}

// note takes note that a name was not there when S3 was asked, which made tells
// the time of: this mount may have made it meanwhile.
func (m *misses) note(dirKey, name string, made int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.in == nil || len(m.in) >= maxMisses {
		m.in = map[string]*miss{}
	}
	d := m.in[dirKey]
	if d == nil || time.Since(d.at) > filling {
		d = &miss{need: namesPerPage, pages: 1}
		m.in[dirKey] = d
	}
	if d.name != name {
		d.vain++
	}
	d.name, d.at, d.believed = name, time.Now(), made == m.made
}

// claim tells how many pages of the directory may be listed to find another
// name, 0 for none. Who gets some is the only one who lists it.
func (m *misses) claim(dirKey, name string) (pages int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.in[dirKey]
	if d == nil || d.name == name || time.Since(d.at) > filling || d.vain < d.need || d.pages > maxPages {
		return 0
	}
	d.vain = 0
	return d.pages
}

// listed takes note of an attempt that took so many pages, and whether they were
// all: then the next one is as good as a question for each.
func (m *misses) listed(dirKey string, pages int, all bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.in[dirKey]
	switch {
	case d == nil:
	case all:
		d.pages, d.need = pages, pages
	default:
		d.pages, d.need = 4*pages, 4*pages*namesPerPage
	}
}

// knownAbsent tells whether S3 had nothing under a name just now.
func (t *Tree) knownAbsent(dirKey, name string) bool {
	return t.misses.absent(dirKey, name, t.o.MetadataTTL)
}

// listInstead lists the directory of a name where that is better than to ask for
// the name, and gives the listing if it is complete.
func (t *Tree) listInstead(dirKey, name string) (*listing, error) {
	if t.o.MetadataTTL == 0 {
		return nil, nil
	}
	pages := t.misses.claim(dirKey, name)
	if pages == 0 {
		return nil, nil
	}
	l := t.newListing(dirKey)
	l.seek()
	for i := range pages {
		if _, err := l.page(i); err != nil {
			return nil, err
		}
		if l.ended() {
			t.misses.listed(dirKey, i+1, true)
			return l, nil
		}
	}
	t.misses.listed(dirKey, pages, false)
	return nil, nil
}

// seek says that the listing is made to look for names.
func (l *listing) seek() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sought, l.ahead = true, false
}

// ended tells whether there is no further page.
func (l *listing) ended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.complete
}
