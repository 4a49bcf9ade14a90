// Package s3discard is an S3 endpoint that throws content away as fast as it
// can: it keeps keys, sizes, attributes and the state of uploads, and counts
// requests and bytes. It measures how fast clients are. Every bucket exists.
//
// What is read back is not what was written but bytes that follow from their
// offset alone, see Fill. Nothing is computed over a payload: ETags are serial
// numbers, or the MD5 that the client sent, and checksums are given back as
// they came. S3's rules for sizes, part numbers and conditions do hold, so that
// a client that passes has made requests that S3 would take.
package s3discard

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Options of an endpoint. The zero value is plain HTTP on a free port of
// 127.0.0.1, as fast as it goes.
type Options struct {
	Address   string        // to listen on, host:port
	Latency   time.Duration // before each answer
	Bandwidth int64         // bytes a second of each connection, in each direction
	// CertFile makes the endpoint speak TLS with a new self-signed certificate,
	// which is written to this file.
	CertFile string
}

// Server is a running endpoint.
type Server struct {
	URL string

	latency time.Duration
	state   state
	counts  counter
	http    *http.Server
	done    chan error
}

// Start runs an endpoint until Close.
func Start(o Options) (*Server, error) {
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", o.Address)
	if err != nil {
		return nil, err
	}
	s := &Server{URL: "http://" + l.Addr().String(), latency: o.Latency, done: make(chan error, 1)}
	l = &listener{l, o.Bandwidth}
	if o.CertFile != "" {
		certificate, err := selfSigned(o.CertFile)
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		s.URL = "https://" + l.Addr().String()
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate}})
	}
	s.http = &http.Server{Handler: s, ConnContext: keepConn}
	go func() { s.done <- s.http.Serve(l) }()
	return s, nil
}

// Close breaks all connections and waits for the end.
func (s *Server) Close() error {
	err := s.http.Close()
	if serve := <-s.done; !errors.Is(serve, http.ErrServerClosed) {
		err = errors.Join(err, serve)
	}
	return err
}

// Run runs an endpoint until stop gives something, after telling on the
// standard output where it is.
func Run(o Options, stop <-chan os.Signal) error {
	s, err := Start(o)
	if err != nil {
		return err
	}
	fmt.Println(s.URL)
	<-stop
	return s.Close()
}

// state is what the endpoint keeps.
type state struct {
	mu      sync.Mutex // guards what follows; never held during I/O
	serial  uint64     // of the last ETag or upload ID given out
	buckets map[string]*bucket
	uploads map[string]*upload
}

// unique gives 32 hexadecimal digits that were never given before.
func (st *state) unique() string {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.serial++
	return fmt.Sprintf("%032x", st.serial)
}
