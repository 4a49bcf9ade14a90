package s3discard

import (
	"encoding/json"
	"maps"
	"net/http"
	"sync"
)

// Count is what was done of one operation. Bytes are those of contents.
type Count struct {
	Requests int   `json:"requests"`
	In       int64 `json:"in"`  // bytes that arrived
	Out      int64 `json:"out"` // bytes that were sent
}

// Stats are the counters by operation.
type Stats map[string]Count

type counter struct {
	mu sync.Mutex // guards by
	by Stats
}

func (c *counter) add(op string, more Count) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = Stats{}
	}
	have := c.by[op]
	c.by[op] = Count{have.Requests + more.Requests, have.In + more.In, have.Out + more.Out}
}

// Stats is a copy of the counters.
func (s *Server) Stats() Stats {
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	return maps.Clone(s.counts.by)
}

// statsPath answers GET with the counters as JSON and DELETE by beginning them
// at zero. It cannot be a bucket: their names hold no underscore.
const statsPath = "/_stats"

func (s *Server) serveStats(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.Stats()) // the client may be gone
	case http.MethodDelete:
		s.counts.mu.Lock()
		s.counts.by = nil
		s.counts.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}
