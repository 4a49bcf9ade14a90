package faultproxy

import (
	"maps"
	"sync"
)

// Count is what went through the proxy of one operation. Bytes are those of
// bodies, as they stood on the wire.
type Count struct {
	Requests int   `json:"requests"`
	In       int64 `json:"in"`  // bytes of requests
	Out      int64 `json:"out"` // bytes of the server's answers
}

type counter struct {
	mu sync.Mutex // guards by
	by map[string]Count
}

// Counts are the counters by operation.
func (p *Proxy) Counts() map[string]Count {
	p.counts.mu.Lock()
	defer p.counts.mu.Unlock()
	return maps.Clone(p.counts.by)
}

// ResetCounts begins all counters at zero again.
func (p *Proxy) ResetCounts() {
	p.counts.mu.Lock()
	defer p.counts.mu.Unlock()
	p.counts.by = nil
}

func (c *counter) add(op string, more Count) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]Count{}
	}
	have := c.by[op]
	c.by[op] = Count{have.Requests + more.Requests, have.In + more.In, have.Out + more.Out}
}

func (c *counter) request(op string)    { c.add(op, Count{Requests: 1}) }
func (c *counter) in(op string, n int)  { c.add(op, Count{In: int64(n)}) }
func (c *counter) out(op string, n int) { c.add(op, Count{Out: int64(n)}) }
