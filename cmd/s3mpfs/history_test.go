package main

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/s3mpfs/s3mpfs/writer"
	"github.com/s3mpfs/s3mpfs/writer/s3store"
)

// TestHistory lets a file be sent at 10 MiB/s for a minute, then at none.
func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		rate := int64(10 * mib)
		files := func() []writer.Status {
			if time.Since(begin) > 90*time.Second {
				return nil
			}
			return []writer.Status{{Key: "a", BytesSent: min(rate*60, rate*int64(time.Since(begin)/time.Second))}}
		}
		h, stop := newHistory(), make(chan struct{})
		go h.follow(files, stop)
		time.Sleep(60*time.Second + time.Millisecond)
		h.observe(s3store.Attempt{Key: "a", Code: "SlowDown", Err: errors.New("no")})
		h.observe(s3store.Attempt{Key: "a", Retry: 1})
		h.observe(s3store.Attempt{Key: "a", Status: 404, Code: "NotFound", Err: errors.New("none")})
		h.observe(s3store.Attempt{Key: "other", Err: errors.New("no")})
		p := h.of("a")
		if p.rate < 0.99*float64(rate) || p.rate > 1.01*float64(rate) || p.since.Sub(begin) != time.Second {
			t.Errorf("after a minute: %.0f bytes per second since %v", p.rate, p.since.Sub(begin))
		}
		if p.retries != 1 || p.fault != "SlowDown" {
			t.Errorf("%d retries, fault %q", p.retries, p.fault)
		}
		time.Sleep(29 * time.Second)
		if p := h.of("a"); p.rate > 0.01*float64(rate) || p.retries != 1 {
			t.Errorf("29 s after its end: %.0f bytes per second", p.rate)
		}
		time.Sleep(5 * time.Second)
		if h.mu.Lock(); len(h.files) != 0 {
			t.Errorf("not forgotten: %v", h.files)
		}
		h.mu.Unlock()
		close(stop)
		synctest.Wait()
	})
}
