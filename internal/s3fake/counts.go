package s3fake

import "maps"

// Counts are what the bucket was asked for.
type Counts struct {
	Requests   map[string]int // by operation, failed ones too
	Uploaded   int64          // bytes that arrived in PutObject and UploadPart
	Downloaded int64          // bytes that ReadRange gave
	Listed     int            // objects and prefixes that listings gave
	calls      int
}

// Total is the number of requests of all operations.
func (c Counts) Total() int { return c.calls }

// Counts is a copy of the counters.
func (s *Store) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts
	c.Requests = maps.Clone(c.Requests)
	return c
}

// ResetCounts begins all counters at zero again.
func (s *Store) ResetCounts() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts = Counts{Requests: map[string]int{}}
}
