package control

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// progressEvery is how often a waiting umount hears what is left.
const progressEvery = 200 * time.Millisecond

// Server answers for one mount.
type Server struct {
	path   string
	http   http.Server
	served chan error
	unlink func() error
}

// Serve opens the socket of mountpoint in dir, which is [RuntimeDir], and
// answers from m until Close.
func Serve(dir, mountpoint string, m Mount) (*Server, error) {
	path := filepath.Join(dir, Name(mountpoint)+".sock")
	l, err := listen(path)
	if err != nil {
		return nil, err
	}
	s := &Server{path: path, served: make(chan error, 1)}
	s.unlink = sync.OnceValue(func() error { return os.Remove(path) })
	s.http.Handler = s.handler(m)
	go s.serve(l)
	return s, nil
}

func (s *Server) serve(l net.Listener) { s.served <- s.http.Serve(l) }

// Path is the socket's.
func (s *Server) Path() string { return s.path }

// Unlink takes the socket's name away, so that the mount point may be mounted
// again; who is connected stays connected.
func (s *Server) Unlink() error {
	if err := s.unlink(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Close unlinks the socket, lets answers under way end within ctx, and stops.
func (s *Server) Close(ctx context.Context) error {
	err := errors.Join(s.Unlink(), s.http.Shutdown(ctx))
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

func (s *Server) handler(m Mount) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		// A client that went away is the only way for this to fail.
		_ = json.NewEncoder(w).Encode(m.Status())
	})
	mux.HandleFunc("POST /umount", func(w http.ResponseWriter, _ *http.Request) { tell(w, m, m.End()) })
	mux.HandleFunc("GET /umount", func(w http.ResponseWriter, _ *http.Request) { tell(w, m, m.Ended()) })
	return mux
}

// tell streams what is left until the mount has ended, and the outcome. A client
// that goes away does not stop what it began.
func tell(w http.ResponseWriter, m Mount, ended <-chan struct{}) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	send := events(w)
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for over := false; !over; {
		left := m.Status().Left()
		send(Event{Progress: &left})
		select {
		case <-ended:
			over = true
		case <-tick.C:
		}
	}
	outcome := m.Outcome()
	send(Event{Outcome: &outcome})
}

// events sends one event a line, at once.
func events(w http.ResponseWriter) func(Event) {
	encoder, flusher := json.NewEncoder(w), http.NewResponseController(w)
	return func(e Event) {
		// A client that went away hears nothing; the work goes on.
		_ = encoder.Encode(e)
		_ = flusher.Flush()
	}
}
