package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"
	"time"
)

// web is what a mount serves over HTTP: metrics, and Go's profiles. An address
// is taken before the mount, so that one in use is refused at once; answers are
// given once the mount is there.
type web struct {
	metrics, profiles net.Listener // nil where not asked for
	servers           []*http.Server
	serving           sync.WaitGroup
}

func listenWeb(s *settings) (*web, error) {
	w := &web{}
	for _, each := range []struct {
		flag, address string
		listener      *net.Listener
	}{
		{"--metrics-addr", s.metricsAddr, &w.metrics},
		{"--pprof-addr", s.pprofAddr, &w.profiles},
	} {
		if each.address == "" {
			continue
		}
		l, err := net.Listen("tcp", each.address)
		if err != nil {
			w.close()
			return nil, fmt.Errorf("%s: %w", each.flag, err)
		}
		*each.listener = l
	}
	return w, nil
}

// serve answers until close. ending tells that the mount completes its files
// and takes no new work.
func (w *web) serve(metrics http.Handler, ending func() bool, log *slog.Logger) {
	w.start(w.metrics, metricsPages(metrics, ending), log)
	w.start(w.profiles, profilePages(), log)
}

func (w *web) start(l net.Listener, pages http.Handler, log *slog.Logger) {
	if l == nil {
		return
	}
	server := &http.Server{Handler: pages, ReadHeaderTimeout: 10 * time.Second}
	w.servers = append(w.servers, server)
	w.serving.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("no longer served", "address", l.Addr().String(), "error", err)
		}
	})
}

func (w *web) close() {
	for _, server := range w.servers {
		server.Close()
	}
	for _, l := range []net.Listener{w.metrics, w.profiles} {
		if l != nil {
			l.Close()
		}
	}
	w.serving.Wait()
}

func metricsPages(metrics http.Handler, ending func() bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if ending() {
			http.Error(w, "ending", http.StatusServiceUnavailable)
			return
		}
		// A client that went away is the only way for this to fail.
		_, _ = io.WriteString(w, "ok\n")
	})
	return mux
}

func profilePages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
