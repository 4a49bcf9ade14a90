// Package metrics counts what a mount does, for `s3mpfs status` and for
// Prometheus.
//
// The model: requests to S3 are counted as they end, from the observer of
// package s3store; all else is read from the mount's status when somebody asks.
// No metric has the name of an object or a file in it, so that their number is
// bounded and they may be seen by whoever may see the machine's.
package metrics

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/s3mpfs/s3mpfs/internal/control"
	"github.com/s3mpfs/s3mpfs/writer/s3store"
)

// Metrics of one mount. All methods are safe for concurrent use.
type Metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	bytes     *prometheus.CounterVec
	retries   *prometheus.CounterVec
	throttled prometheus.Counter
	messages  *prometheus.CounterVec

	mu    sync.Mutex // guards total
	total control.S3
}

// seconds are the bounds of a request's duration: from a nearby server to a
// part over a slow line, and a copy of gigabytes.
var seconds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}

// New counts from zero.
func New() *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: counter("s3mpfs_s3_requests_total", "Requests to S3 by operation and HTTP status, 0 where no answer came.", "operation", "code"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "s3mpfs_s3_request_duration_seconds", Help: "How long requests to S3 took.", Buckets: seconds,
		}, []string{"operation"}),
		bytes:    counter("s3mpfs_s3_content_bytes_total", "Bytes of content that were sent to S3 or received.", "direction"),
		retries:  counter("s3mpfs_s3_retries_total", "Requests to S3 that repeated another.", "operation"),
		messages: counter("s3mpfs_log_messages_total", "Lines of the log by level. Each file that failed is one of level error.", "level"),
		throttled: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "s3mpfs_s3_throttled_total", Help: "Answers of S3 that asked for fewer requests.",
		}),
	}
	m.registry.MustRegister(m.requests, m.duration, m.bytes, m.retries, m.throttled, m.messages,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Watch reads the state of the mount whenever the metrics are asked for.
func (m *Metrics) Watch(status func() control.Status) { m.registry.MustRegister(state(status)) }

// Handler answers Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// S3 sums up the requests.
func (m *Metrics) S3() control.S3 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.total
}

// Observe counts a request that has ended; see s3store.Config.
func (m *Metrics) Observe(a s3store.Attempt) {
	m.requests.WithLabelValues(a.Operation, strconv.Itoa(a.Status)).Inc()
	m.duration.WithLabelValues(a.Operation).Observe(a.Duration.Seconds())
	if a.Retry > 0 {
		m.retries.WithLabelValues(a.Operation).Inc()
	}
	if Throttled(a) {
		m.throttled.Inc()
	}
	if a.Bytes > 0 {
		m.bytes.WithLabelValues(direction(a)).Add(float64(a.Bytes))
	}
	m.sum(a)
}

func (m *Metrics) sum(a s3store.Attempt) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total.Requests++
	if Failed(a) {
		m.total.Errors++
	}
	if a.Retry > 0 {
		m.total.Retries++
	}
	if Throttled(a) {
		m.total.Throttled++
	}
	if direction(a) == received {
		m.total.BytesReceived += a.Bytes
	} else {
		m.total.BytesSent += a.Bytes
	}
}

const sent, received = "sent", "received"

func direction(a s3store.Attempt) string {
	if a.Operation == "GetObject" {
		return received
	}
	return sent
}

// Throttled tells whether the store asked for fewer requests. Its codes for
// that are many, but the statuses are two.
func Throttled(a s3store.Attempt) bool {
	return a.Status == http.StatusServiceUnavailable || a.Status == http.StatusTooManyRequests
}

// Failed leaves out answers that tell as much as a success: that there is no such
// object, that a condition does not hold, that the store does not know the
// operation; and what was given up here.
func Failed(a s3store.Attempt) bool {
	return a.Err != nil && a.Status != http.StatusNotFound && a.Status != http.StatusPreconditionFailed &&
		a.Status != http.StatusNotImplemented && !errors.Is(a.Err, context.Canceled)
}
