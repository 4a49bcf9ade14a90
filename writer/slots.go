package writer

import (
	"sync"
	"time"
)

// The number of slots is found by trying: it grows by half while that makes the
// whole faster, and is tried again now and then, since networks change.
const (
	firstSlots = 8                      // to begin with: enough for a server nearby
	leastSlots = 2                      // however much the store throttles
	trial      = 200 * time.Millisecond // at least how long a number is tried
	gain       = 1.05                   // how much faster more slots must be to be kept
	rest       = 25                     // trials between one attempt to grow that failed and the next
)

// slots bounds the requests that carry content. A slot that becomes free goes
// to the files in turn, so that one large copy, whose parts wait by the dozen,
// does not starve the small file beside it.
//
// How many there are follows the throughput, as in a search for the top of a
// hill: with a server nearby a few are as fast as many, and over a long line
// each adds its own connection's share until the line is full.
type slots struct {
	most int

	mu      sync.Mutex // guards what follows; never held across I/O
	now     int        // the slots there are
	used    int
	waiting map[*File][]chan struct{} // each closed when its slot is granted
	turn    []*File                   // files with somebody waiting, the next one first

	since    time.Time // when the trial began
	bytes    int64     // carried since then
	ended    int       // requests that ended since then
	wanted   bool      // somebody had to wait since then
	before   int       // slots before the present number was tried
	rate     float64   // bytes per second with that many
	resting  int       // trials to let pass before growing again
	slowedAt time.Time // when the store last asked for fewer
}

func newSlots(most int) *slots {
	n := min(firstSlots, most)
	return &slots{most: most, now: n, before: n, waiting: map[*File][]chan struct{}{}, since: time.Now()}
}

// acquire waits for a slot for f, or for done. It tells whether it got one.
func (s *slots) acquire(f *File, done <-chan struct{}) bool {
	s.mu.Lock()
	if s.used < s.now && len(s.turn) == 0 {
		s.used++
		s.mu.Unlock()
		return true
	}
	s.wanted = true
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

// withdraw takes back a request for a slot, or gives the slot back where it was
// granted meanwhile.
func (s *slots) withdraw(f *File, granted chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range s.waiting[f] {
		if c == granted {
			s.waiting[f] = append(s.waiting[f][:i:i], s.waiting[f][i+1:]...)
			s.grant() // in case f was first in turn for nothing
			return
		}
	}
	s.used--
	s.grant()
}

// release gives a slot back, over which so many bytes went.
func (s *slots) release(bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used--
	s.bytes += bytes
	s.ended++
	s.judge()
	s.grant()
}

// grant gives free slots to the files in turn; mu is held.
func (s *slots) grant() {
	for s.used < s.now && len(s.turn) > 0 {
		f := s.turn[0]
		s.turn = s.turn[1:]
		queue := s.waiting[f]
		if len(queue) == 0 {
			delete(s.waiting, f)
			continue
		}
		s.used++
		close(queue[0])
		if s.waiting[f] = queue[1:]; len(queue) > 1 {
			s.turn = append(s.turn, f)
		} else {
			delete(s.waiting, f)
		}
	}
}

// judge ends a trial that took long enough, and decides how many slots to try
// next; mu is held.
func (s *slots) judge() {
	took := time.Since(s.since)
	if took < trial || s.ended < s.now {
		return
	}
	rate, wanted := float64(s.bytes)/took.Seconds(), s.wanted
	s.since, s.bytes, s.ended, s.wanted = time.Now(), 0, 0, len(s.turn) > 0
	if !wanted {
		return
	}
	switch {
	case s.now > s.before && rate < s.rate*gain:
		s.now, s.resting = s.before, rest // it was not worth it
	case s.resting > 0:
		s.resting--
		s.rate = rate
	default:
		s.before, s.rate = s.now, rate
		s.now = min(s.most, s.now+max(1, s.now/2))
	}
}

// slower halves the slots, because the store asked for fewer requests. Answers
// to requests of before that do not count again.
func (s *slots) slower() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.slowedAt) < time.Second {
		return
	}
	s.slowedAt = time.Now()
	s.now = max(min(leastSlots, s.most), s.now/2)
	s.before, s.resting, s.rate = s.now, rest, 0
	s.since, s.bytes, s.ended = time.Now(), 0, 0
}

// count is the number of slots at present.
func (s *slots) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}
