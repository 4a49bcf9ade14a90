package main

import (
	"cmp"
	"math"
	"sync"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/metrics"
	"github.com/s3mpfs/s3mpfs/writer"
	"github.com/s3mpfs/s3mpfs/writer/s3store"
)

// history remembers of each file that is being written what a look at it does
// not tell: since when, how fast it was sent of late, and what was tried again.
// Keys of files that are no longer being written are forgotten.
type history struct {
	mu    sync.Mutex // guards files
	files map[string]*past
}

// past is the history of one file.
type past struct {
	since   time.Time
	sampled time.Time
	sent    int64   // bytes, when sampled
	rate    float64 // bytes per second
	retries int
	fault   string // the last that was tried again
}

func newHistory() *history { return &history{files: map[string]*past{}} }

const (
	// sampleEvery is how often files are looked at.
	sampleEvery = time.Second
	// memoryOfRate is how long ago what was sent counts a third (1/e).
	memoryOfRate = 5 * time.Second
)

// follow looks at the files until stop is closed.
func (h *history) follow(files func() []writer.Status, stop <-chan struct{}) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			h.sample(files(), now)
		}
	}
}

func (h *history) sample(files []writer.Status, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	old := h.files
	h.files = make(map[string]*past, len(files))
	for _, f := range files {
		p := cmp.Or(old[f.Key], &past{since: now, sampled: now})
		p.sample(f.BytesSent, now)
		h.files[f.Key] = p
	}
}

func (p *past) sample(sent int64, now time.Time) {
	took := now.Sub(p.sampled)
	if took > 0 {
		fresh := float64(max(0, sent-p.sent)) / took.Seconds()
		p.rate += (fresh - p.rate) * (1 - math.Exp(-float64(took)/float64(memoryOfRate)))
	}
	p.sampled, p.sent = now, sent
}

// observe notes an attempt that failed and is tried again; see s3store.Config.
// Most keys are of files being written; the next sample forgets the others.
func (h *history) observe(a s3store.Attempt) {
	failed := metrics.Failed(a)
	if a.Retry == 0 && !failed {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	p, known := h.files[a.Key]
	if !known {
		p = &past{since: time.Now(), sampled: time.Now()}
		h.files[a.Key] = p
	}
	if a.Retry > 0 {
		p.retries++
	}
	if failed {
		p.fault = cmp.Or(a.Code, a.Err.Error())
	}
}

// of gives what is known of a file, which may be nothing yet.
func (h *history) of(key string) past {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p, known := h.files[key]; known {
		return *p
	}
	return past{since: time.Now()}
}
