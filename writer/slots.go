package writer

import (
	"sync"
	"time"
)

// The number of slots is found by trying: it doubles while that makes the whole
// faster, and is tried again now and then, since networks change.
const (
	firstSlots = 16                     // to begin with: enough for a server nearby, and for 1 GB/s at 25 ms
	leastSlots = 2                      // however much the store throttles
	trial      = 100 * time.Millisecond // at least how long a number is tried
	gain       = 1.1                    // how much faster more slots must be to be kept
	loss       = 0.95                   // how much slower fewer may be
	rest       = 12                     // trials at most between one attempt to grow that failed and the next
	firstRest  = 3                      // after the first that failed, and twice as many after each
	crowded    = 2                      // how many times the least time of a request is a sign of a queue
	tooLong    = 5 * time.Second        // for a request: there are more than the line can carry
)

// slots bounds the requests that carry content. A slot that becomes free goes
// to the files in turn, so that one large copy, whose parts wait by the dozen,
// does not starve the small file beside it.
//
// How many there are follows the throughput, as in a search for the top of a
// hill: with a server nearby a few are as fast as many, and over a long line
// each adds its own connection's share until the line is full. Beyond that,
// more only make each request take longer; when the requests take much longer
// than they did, fewer are tried, and kept if they are as fast.
type slots struct {
	most int

	mu      sync.Mutex // guards what follows; never held across I/O
	now     int        // the slots there are
	used    int
	waiting map[*File][]chan struct{} // each closed when its slot is granted
	turn    []*File                   // files with somebody waiting, the next one first

	settling int       // requests of before the trial that are still to end
	since    time.Time // when the trial began
	bytes    int64     // carried since then
	ended    int       // requests that ended since then
	wanted   bool      // somebody had to wait since then
	before   int       // slots before the present number was tried
	rate     float64   // bytes per second with that many
	topped   bool      // more were tried once and not worth it
	resting  int       // trials to let pass before growing again
	failed   int       // attempts to grow since one that was worth it
	least    float64   // seconds that a request took at best, one of about size bytes
	size     float64
	slowedAt time.Time // when the store last asked for fewer

	succeeded time.Time // when a request last did
}

func newSlots(most int) *slots {
	n := min(firstSlots, most)
	return &slots{most: most, now: n, before: n, waiting: map[*File][]chan struct{}{}}
}

// acquire waits for a slot for f, or for done. It tells whether it got one.
func (s *slots) acquire(f *File, done <-chan struct{}) bool {
	s.mu.Lock()
	if s.used < s.now && len(s.turn) == 0 {
		if s.used == 0 { // nothing was carried meanwhile, which says nothing about the line
			s.restart()
		}
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

// success notes that a request has succeeded.
func (s *slots) success() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.succeeded = time.Now()
}

// inVain is how long who asked for a slot then has waited while others failed:
// nothing if one of them succeeded.
func (s *slots) inVain(asked time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.succeeded.Before(asked) {
		return time.Since(asked)
	}
	return 0
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
	if s.settling--; s.settling == 0 {
		s.restart()
	} else if s.settling < 0 {
		s.bytes += bytes
		s.ended++
		s.judge()
	}
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
	each := s.each(took)
	s.restart()
	if !wanted {
		return
	}
	switch {
	case s.now > s.before && rate < s.rate*gain, s.now < s.before && rate < s.rate*loss:
		s.pause() // it was not worth it
		s.try(s.before)
	case s.now < s.before:
		s.before = s.now // as fast as it was
		if !s.queued(each) {
			s.resting = rest
		}
	case s.queued(each):
		s.before, s.rate = s.now, rate
		s.try(s.now * 3 / 4)
	case s.resting > 0:
		s.resting--
		s.rate = rate
	default:
		s.grow(rate)
	}
}

// try makes the number of slots n. The trial begins when those requests have
// ended that began with another number.
func (s *slots) try(n int) {
	n = min(max(n, leastSlots), s.most)
	if n != s.now {
		s.settling = max(s.now, n)
	}
	s.now = n
}

// pause puts the next attempt to grow off: not for long at first, since what
// disturbs the machine for a moment decides a trial, and the copy may be over
// soon.
func (s *slots) pause() {
	s.topped, s.resting = true, min(rest, firstRest<<min(s.failed, 8))
	s.failed++
}

// grow tries more slots than those that carried rate.
func (s *slots) grow(rate float64) {
	if s.now > s.before {
		s.failed = 0
	}
	s.before, s.rate = s.now, rate
	more := s.now
	if s.topped {
		more /= 2
	}
	s.try(s.now + max(1, more))
	if s.now == s.before {
		s.pause() // there are no more
	}
}

// each is how many seconds a request took on average in a trial during which
// all slots were taken, and keeps the least of it. Requests of another size are
// another matter.
func (s *slots) each(took time.Duration) float64 {
	each, size := took.Seconds()*float64(s.now)/float64(s.ended), float64(s.bytes)/float64(s.ended)
	if s.least == 0 || each < s.least || size > 2*s.size || size < s.size/2 {
		s.least, s.size = each, size
	}
	return each
}

// queued tells whether requests that take so many seconds wait for each other,
// and fewer may be tried again.
func (s *slots) queued(each float64) bool {
	return s.now > min(leastSlots, s.most) &&
		(each > tooLong.Seconds() || s.resting == 0 && s.topped && each > crowded*s.least)
}

// restart begins a trial.
func (s *slots) restart() {
	s.since, s.bytes, s.ended, s.wanted = time.Now(), 0, 0, len(s.turn) > 0
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
	s.try(s.now / 2)
	s.before, s.resting, s.rate, s.topped = s.now, rest, 0, true
	s.restart()
}

// count is the number of slots at present.
func (s *slots) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}
