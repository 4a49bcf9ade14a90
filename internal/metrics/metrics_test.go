package metrics

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/s3mpfs/s3mpfs/internal/control"
	"github.com/s3mpfs/s3mpfs/writer/s3store"
)

// attempts is one of each kind.
func attempts() []s3store.Attempt {
	failed := errors.New("failed")
	return []s3store.Attempt{
		{Operation: "UploadPart", Status: 503, Code: "SlowDown", Bytes: 10, Err: failed},
		{Operation: "UploadPart", Status: 200, Bytes: 10, Retry: 1, Duration: time.Second},
		{Operation: "GetObject", Status: 206, Bytes: 7},
		{Operation: "GetObject", Err: context.Canceled},
		{Operation: "HeadObject", Status: 404, Err: failed},
		{Operation: "GetBucketLifecycleConfiguration", Status: 501, Err: failed},
		{Operation: "PutObject", Status: 429, Err: failed},
		{Operation: "PutObject", Status: 412, Err: failed},
		{Operation: "PutObject", Retry: 2, Err: failed},
	}
}

func TestSum(t *testing.T) {
	m := New()
	for _, a := range attempts() {
		m.Observe(a)
	}
	want := control.S3{Requests: 9, Errors: 3, Retries: 2, Throttled: 2, BytesSent: 20, BytesReceived: 7}
	if got := m.S3(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestScrape asks as Prometheus does, and holds names and help to its rules.
func TestScrape(t *testing.T) {
	m := New()
	for _, a := range attempts() {
		m.Observe(a)
	}
	m.Watch(func() control.Status {
		return control.Status{
			Bucket: "films", Mountpoint: "/mnt", Since: time.Unix(100, 0), MemoryUsed: 5, MemoryLimit: 50, Concurrency: 8, FilesFailed: 2,
			Files: []control.File{{Path: "a", State: "dirty", Dirty: true, Size: 9, BytesSent: 2, BytesLeft: 7, PartsInFlight: 3}, {Path: "b", State: "failed"}},
		}
	})
	slog.New(m.CountLog(slog.DiscardHandler)).With("a", "b").WithGroup("g").Error("lost") // discarded: not enabled
	slog.New(m.CountLog(slog.NewTextHandler(io.Discard, nil))).With("a", "b").WithGroup("g").Error("failed")
	r := httptest.NewRecorder()
	m.Handler().ServeHTTP(r, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`s3mpfs_s3_requests_total{code="503",operation="UploadPart"} 1`,
		`s3mpfs_s3_requests_total{code="0",operation="GetObject"} 1`,
		`s3mpfs_s3_request_duration_seconds_bucket{operation="UploadPart",le="0.5"} 1`,
		`s3mpfs_s3_request_duration_seconds_count{operation="UploadPart"} 2`,
		`s3mpfs_s3_content_bytes_total{direction="sent"} 20`,
		`s3mpfs_s3_content_bytes_total{direction="received"} 7`,
		`s3mpfs_s3_retries_total{operation="PutObject"} 1`,
		`s3mpfs_s3_throttled_total 2`,
		`s3mpfs_log_messages_total{level="error"} 1`,
		`s3mpfs_mount_info{bucket="films",mountpoint="/mnt",prefix="",version=""} 1`,
		`s3mpfs_mount_start_time_seconds 100`,
		`s3mpfs_memory_used_bytes 5`,
		`s3mpfs_memory_limit_bytes 50`,
		`s3mpfs_concurrency 8`,
		`s3mpfs_files{state="dirty"} 1`,
		`s3mpfs_files{state="clean"} 0`,
		`s3mpfs_files_failed_total 2`,
		`s3mpfs_parts_in_flight 3`,
		`s3mpfs_unsent_bytes 7`,
	} {
		if !strings.Contains(r.Body.String(), "\n"+line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	problems, err := promlint.New(r.Body).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("against Prometheus's rules: %v, %v", problems, err)
	}
}
