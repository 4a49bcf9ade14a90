package s3store

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
)

// TestPartsUseConnectionsAgain: as many as there are requests at the same time,
// which stay open for the next ones.
func TestPartsUseConnectionsAgain(t *testing.T) {
	var made atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("ETag", `"e"`)
	}))
	server.Config.ConnState = func(_ net.Conn, now http.ConnState) {
		if now == http.StateNew {
			made.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	cfg := testConfig(t, server.URL)
	cfg.MaxConnections = 64
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const rounds, together = 20, 32
	for range rounds {
		var all sync.WaitGroup
		for n := range int32(together) {
			all.Go(func() {
				if _, err := s.UploadPart(t.Context(), someUpload(), n+1, someBody()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	// Some are made for requests that then find another one free first.
	if n := made.Load(); n > 2*together {
		t.Errorf("%d connections for %d requests, %d at the same time", n, rounds*together, together)
	}
}
