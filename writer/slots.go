package writer

import "sync"

// slots bounds the requests that carry content. A slot that becomes free goes
// to the files in turn, so that one large copy, whose parts wait by the dozen,
// does not starve the small file beside it.
type slots struct {
	mu      sync.Mutex // guards what follows; never held across I/O
	free    int
	waiting map[*File][]chan struct{} // each closed when its slot is granted
	turn    []*File                   // files with somebody waiting, the next one first
}

func newSlots(n int) *slots {
	return &slots{free: n, waiting: map[*File][]chan struct{}{}}
}

// acquire waits for a slot for f, or for done. It tells whether it got one.
func (s *slots) acquire(f *File, done <-chan struct{}) bool {
	s.mu.Lock()
	if s.free > 0 {
		s.free--
		s.mu.Unlock()
		return true
	}
	granted := make(chan struct{})
	if len(s.waiting[f]) == 0 {
		s.turn = append(s.turn, f)
	}
	s.waiting[f] = append(s.waiting[f], granted)
	s.mu.Unlock()
	select {
	case <-granted:
		return true
	case <-done:
		s.withdraw(f, granted)
		return false
	}
}

// withdraw takes back a request for a slot, or passes the slot on where it was
// granted meanwhile.
func (s *slots) withdraw(f *File, granted chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range s.waiting[f] {
		if c == granted {
			s.waiting[f] = append(s.waiting[f][:i:i], s.waiting[f][i+1:]...)
			return
		}
	}
	s.pass()
}

func (s *slots) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pass()
}

// pass gives one slot to the next file in turn.
func (s *slots) pass() {
	for len(s.turn) > 0 {
		f := s.turn[0]
		s.turn = s.turn[1:]
		queue := s.waiting[f]
		if len(queue) == 0 {
			delete(s.waiting, f)
			continue
		}
		close(queue[0])
		if s.waiting[f] = queue[1:]; len(queue) > 1 {
			s.turn = append(s.turn, f)
		} else {
			delete(s.waiting, f)
		}
		return
	}
	s.free++
}
