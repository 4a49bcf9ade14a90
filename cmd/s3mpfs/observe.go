package main

import (
	"sync/atomic"

	"github.com/s3mpfs/s3mpfs/internal/metrics"
	"github.com/s3mpfs/s3mpfs/writer"
	"github.com/s3mpfs/s3mpfs/writer/s3store"
)

// observer sees every request to S3 and tells whom it concerns.
type observer struct {
	metrics *metrics.Metrics
	history *history
	// engine has fewer requests in flight when the store asks for that; nil
	// until it is there, which is after the first requests.
	engine atomic.Pointer[writer.Engine]
}

func newObserver() *observer { return &observer{metrics: metrics.New(), history: newHistory()} }

// observe is s3store.Config's.
func (o *observer) observe(a s3store.Attempt) {
	o.metrics.Observe(a)
	o.history.observe(a)
	if engine := o.engine.Load(); engine != nil && metrics.Throttled(a) {
		engine.SlowDown()
	}
}
