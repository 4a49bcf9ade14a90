// Package faultproxy stands between an S3 client and an S3 server and lets
// things go wrong by a table of rules: answers that are errors, answers that
// are lost, connections that break, bytes that are damaged, waits.
//
// The proxy speaks plain HTTP and path style. It passes requests on with their
// Host header, so that signatures hold, and streams bodies without keeping
// them. What it passes it counts by operation. Rules are data: they can be
// written as JSON and replaced at any time.
package faultproxy

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// Proxy is a running proxy. All methods are safe for concurrent use.
type Proxy struct {
	address string // host:port, kept over outages
	forward *httputil.ReverseProxy
	table   table
	counts  counter
	resume  chan struct{} // holds the wish that an outage end
	signer  atomic.Pointer[signer]
	going   sync.WaitGroup // requests that the server has to do with

	mu     sync.Mutex   // guards server; held while an outage begins or ends
	server *http.Server // nil during an outage
	ending context.CancelFunc
	ended  context.Context
	done   sync.WaitGroup // of serving goroutines and outages
}

// Start runs a proxy to the server at the URL target, on a free port of
// 127.0.0.1.
func Start(target string, rules ...Rule) (*Proxy, error) {
	server, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{address: l.Addr().String(), resume: make(chan struct{}, 1)}
	p.ended, p.ending = context.WithCancel(context.Background())
	p.forward = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			rewrite(r, server)
			p.signer.Load().sign(r.Out)
		},
		ModifyResponse: p.answered,
		ErrorHandler:   failed,
		FlushInterval:  -1, // an answer that is slow arrives as slowly
		BufferPool:     &buffers{},
		ErrorLog:       log.New(io.Discard, "", 0), // faults are what it is for
		Transport:      &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 1000, WriteBufferSize: bufferSize},
	}
	p.Set(rules...)
	return p, p.serve(l)
}

// rewrite sends a request to server as it came: the path as it was escaped,
// the query as it was written.
func rewrite(r *httputil.ProxyRequest, server *url.URL) {
	r.Out.URL.Scheme, r.Out.URL.Host = server.Scheme, server.Host
	r.Out.URL.RawQuery = r.In.URL.RawQuery
	r.Out.Host = r.In.Host
}

// URL is what a client calls the endpoint.
func (p *Proxy) URL() string { return "http://" + p.address }

// AwaitIdle returns when the server has answered everything that it was sent.
// All clients must be gone.
func (p *Proxy) AwaitIdle() { p.going.Wait() }

// exchange is one request on its way through the proxy.
type exchange struct {
	s3op.Request
	fault    Rule            // that strikes it; its Action is empty if none does
	released <-chan struct{} // closed when it need not be held any more
}

type exchangeKey struct{}

// parse gives listings their prefix for a key.
func parse(r *http.Request) s3op.Request {
	request := s3op.Parse(r)
	if request.Key == "" {
		request.Key = r.URL.Query().Get("prefix")
	}
	return request
}

func (p *Proxy) handle(w http.ResponseWriter, r *http.Request) {
	e := &exchange{Request: parse(r)}
	e.fault, e.released = p.table.strike(e.Request)
	p.counts.request(e.Operation)
	r.Body = &countedBody{r.Body, func(n int) { p.counts.in(e.Operation, n) }}
	if !p.before(e, w, r) {
		return
	}
	// A server goes on with what it has got when the client is gone.
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	defer cancel()
	p.going.Add(1)
	defer p.going.Done()
	p.forward.ServeHTTP(w, r.WithContext(context.WithValue(ctx, exchangeKey{}, e)))
}

// answered sees the server's answer before the client does.
func (p *Proxy) answered(answer *http.Response) error {
	e := answer.Request.Context().Value(exchangeKey{}).(*exchange)
	answer.Body = &countedBody{answer.Body, func(n int) { p.counts.out(e.Operation, n) }}
	return e.fault.after(answer)
}

// errBroken ends an exchange on purpose.
var errBroken = errors.New("faultproxy: the connection broke")

// failed breaks the client's connection where nothing can be answered: a
// client must see the fault of the line, not an answer that no server gave.
func failed(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
