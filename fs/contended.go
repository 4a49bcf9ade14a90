package fs

import (
	"maps"
	"sync"
	"time"
)

// contention is how long a name that was opened while it was given to another
// file is taken for one that is opened and replaced all the time.
const contention = 2 * time.Second

// contended is the set of such keys.
type contended struct {
	mu   sync.Mutex // guards what follows; never held across I/O
	keys map[string]time.Time
}

func (c *contended) add(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys == nil {
		c.keys = map[string]time.Time{}
	}
	maps.DeleteFunc(c.keys, func(_ string, at time.Time) bool { return time.Since(at) > contention })
	c.keys[key] = time.Now()
}

func (c *contended) recently(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.keys[key]
	return ok && time.Since(at) <= contention
}
