package fs

import (
	"strings"
	"sync"
)

// standstill makes the names below a directory stand still while that is
// renamed, which takes many requests: whoever makes, removes or renames a name
// there waits until it is done. Reading and writing goes on.
type standstill struct {
	mu       sync.Mutex          // guards what follows; not held across I/O
	changed  sync.Cond           // on mu
	users    map[string]int      // changes of names under way, by directory
	renaming map[string]struct{} // directories
}

func newStandstill() *standstill {
	s := &standstill{users: map[string]int{}, renaming: map[string]struct{}{}}
	s.changed.L = &s.mu
	return s
}

// enter begins a change of names in some directories, whose keys stay as they
// are until leave is called.
func (s *standstill) enter(dirs ...*dir) (leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.blocked(dirs) {
		s.changed.Wait()
	}
	var keys []string
	for _, d := range dirs {
		keys = append(keys, d.currentKey())
		s.users[d.currentKey()]++
	}
	return func() { s.leave(keys) }
}

// blocked tells whether one of the directories is being renamed. mu is held.
func (s *standstill) blocked(dirs []*dir) bool {
	for prefix := range s.renaming {
		for _, d := range dirs {
			if strings.HasPrefix(d.currentKey(), prefix) {
				return true
			}
		}
	}
	return false
}

func (s *standstill) leave(keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		if s.users[key]--; s.users[key] == 0 {
			delete(s.users, key)
		}
	}
	s.changed.Broadcast()
}

// freeze waits until no name below a directory is being changed, and keeps it
// so until thaw is called.
func (s *standstill) freeze(prefix string) (thaw func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.used(prefix) {
		s.changed.Wait()
	}
	s.renaming[prefix] = struct{}{}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.renaming, prefix)
		s.changed.Broadcast()
	}
}

// used tells whether there are changes at or below a directory. mu is held.
func (s *standstill) used(prefix string) bool {
	for dirKey := range s.users {
		if strings.HasPrefix(dirKey, prefix) {
			return true
		}
	}
	for other := range s.renaming {
		if strings.HasPrefix(other, prefix) {
			return true
		}
	}
	return false
}
