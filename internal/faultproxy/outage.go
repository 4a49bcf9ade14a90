package faultproxy

import (
	"net"
	"net/http"
	"time"
)

// serve answers on l, unless the proxy was closed.
func (p *Proxy) serve(l net.Listener) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended.Err() != nil {
		return l.Close()
	}
	server := &http.Server{Handler: http.HandlerFunc(p.handle), ErrorLog: p.forward.ErrorLog}
	p.server = server
	p.done.Go(func() { _ = server.Serve(l) }) // returns ErrServerClosed
	return nil
}

// Close ends the proxy and every connection through it, and waits.
func (p *Proxy) Close() error {
	p.ending()
	_, err := p.stop()
	p.done.Wait()
	p.forward.Transport.(*http.Transport).CloseIdleConnections()
	return err
}

// stop breaks all connections and takes no new ones; it tells whether there
// was anything to stop.
func (p *Proxy) stop() (stopped bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server == nil {
		return false, nil
	}
	err = p.server.Close()
	p.server = nil
	return true, err
}

// Refuse breaks all connections and refuses new ones for the given time, or
// until Resume. Where an outage lasts already, nothing changes.
func (p *Proxy) Refuse(wait time.Duration) {
	if stopped, _ := p.stop(); !stopped { // the error is that of a broken listener, which is what is wanted
		return
	}
	p.done.Go(func() {
		select {
		case <-time.After(wait):
		case <-p.resume:
		case <-p.ended.Done():
			return
		}
		p.listenAgain()
	})
}

// Resume ends an outage, or the next one at once.
func (p *Proxy) Resume() {
	select {
	case p.resume <- struct{}{}:
	default: // it has been told already
	}
}

// listenAgain takes the old port. Another process may have it for a moment.
func (p *Proxy) listenAgain() {
	for p.ended.Err() == nil {
		l, err := net.Listen("tcp", p.address)
		if err == nil {
			_ = p.serve(l) // fails only where the proxy has ended
			return
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-p.ended.Done():
		}
	}
}
