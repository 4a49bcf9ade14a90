package s3store

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
)

// conn writes the body of a request from the blocks it lies in, without the
// copies through net/http's buffers: to the socket, or to TLS.
type conn struct{ net.Conn }

var _ io.ReaderFrom = (*conn)(nil)

func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	limited, ok := r.(*io.LimitedReader)
	if !ok {
		return io.Copy(c.Conn, r)
	}
	body, ok := limited.R.(*sentBody)
	if !ok || int64(body.Len()) > limited.N {
		return io.Copy(c.Conn, r)
	}
	n, err := body.WriteTo(c.Conn)
	limited.N -= n
	return n, err
}

// secure speaks TLS over c, as the transport would, but so that net/http hands
// the bodies to a conn. Through a proxy the transport does it by itself. (To
// gather several records of TLS in one system call was tried, and saves nothing.)
func secure(ctx context.Context, c net.Conn, address string, t *http.Transport) (net.Conn, error) {
	config := t.TLSClientConfig.Clone()
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		config.ServerName = host
	}
	if t.TLSHandshakeTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t.TLSHandshakeTimeout)
		defer cancel()
	}
	s := tls.Client(c, config)
	if err := s.HandshakeContext(ctx); err != nil {
		_ = c.Close() // the handshake's error says more
		return nil, err
	}
	return &conn{s}, nil
}
