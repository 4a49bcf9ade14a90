package s3store

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/s3mpfs/s3mpfs/writer"
)

// TestRedirectsAreNotFollowed: a server that sends requests elsewhere brings
// neither credentials nor content there. To the store it is a failure.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var visits atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	t.Cleanup(elsewhere.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		away := []answerTo{func(w http.ResponseWriter, r *request) {
			w.Header().Set("Location", elsewhere.URL+r.URL.Path)
			w.WriteHeader(status)
		}}
		s := newStub(t, map[string][]answerTo{
			"ListObjectsV2": away, "HeadObject": away, "GetObject": away, "PutObject": away, "UploadPart": away,
		})
		store := s.open(t, func(c *Config) { c.RetryTimeout = time.Nanosecond })
		body := writer.NewBody(writer.CRC64NVME, []byte("content"))
		calls := map[string]func() error{
			"ListObjectsV2": func() error { _, _, _, err := store.List(t.Context(), "", "", "", 1); return err },
			"HeadObject":    func() error { _, err := store.HeadObject(t.Context(), "k"); return err },
			"PutObject": func() error {
				_, err := store.PutObject(t.Context(), "k", writer.Attributes{}, body, writer.Condition{})
				return err
			},
			"UploadPart": func() error { _, err := store.UploadPart(t.Context(), someUpload(), 1, body); return err },
		}
		for name, call := range calls {
			if err := call(); err == nil {
				t.Errorf("%d to %s: no error", status, name)
			}
			if seen := s.seen(name); len(seen) == 0 || !strings.Contains(seen[0].Header.Get("Authorization"), "Signature=") {
				t.Errorf("%s was asked %d times, and not with credentials", name, len(seen))
			}
		}
	}
	if n := visits.Load(); n > 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
}
