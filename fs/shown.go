package fs

import (
	"sync"
	"syscall"
)

// shown are the names of files that the kernel was given an inode for, the
// oldest first. The kernel keeps inodes for as long as it has memory, and this
// process keeps what stands for each; so that listing a very long directory
// with ls -l costs no more memory than a short one, the kernel is asked to
// forget the oldest.
type shown struct {
	mu       sync.Mutex // guards what follows; not held across a notification
	names    []shownName
	dropping bool
}

type shownName struct {
	dir  *dir
	name string
}

// maxShown is how many names are left to the kernel's own judgement, at about a
// kilobyte each. A quarter of them is forgotten at once.
const maxShown = 64 << 10

// show notes that the kernel is given an inode for a name.
func (t *Tree) show(d *dir, name string) {
	s := &t.shown
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names = append(s.names, shownName{d, name})
	if len(s.names) > maxShown && !s.dropping {
		s.dropping = true
		go t.dropShown()
	}
}

// dropShown asks the kernel to forget names. It must not be waited for by who
// answers a request, which may hold the lock of the directory in the kernel;
// the end of the mount ends it.
func (t *Tree) dropShown() {
	for {
		names := t.shown.oldest()
		if names == nil || t.ctx.Err() != nil {
			return
		}
		for _, n := range names {
			if f, ok := operations[*file](n.dir.GetChild(n.name)); ok && f.idle() && n.dir.NotifyEntry(n.name) == syscall.ENODEV {
				return
			}
		}
	}
}

// oldest takes out what is to be forgotten, nothing if that is enough.
func (s *shown) oldest() []shownName {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.names) <= maxShown {
		s.dropping = false
		return nil
	}
	n := len(s.names) - maxShown*3/4
	names := s.names[:n:n]
	s.names = append(make([]shownName, 0, maxShown), s.names[n:]...)
	return names
}

// idle tells whether nothing but the name stands for the file.
func (f *file) idle() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.content == nil && len(f.handles) == 0
}
