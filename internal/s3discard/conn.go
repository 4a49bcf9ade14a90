package s3discard

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// conn is a client's connection. It keeps to a bandwidth, and can have the
// kernel drop what arrives instead of copying it here.
type conn struct {
	*net.TCPConn
	raw      syscall.RawConn
	in, out  pace
	dropping atomic.Bool // the bytes that are read are not wanted
}

// listener makes conns.
type listener struct {
	net.Listener
	bandwidth int64
}

func (l *listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tcp := accepted.(*net.TCPConn)
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	return &conn{TCPConn: tcp, raw: raw, in: pace{rate: l.bandwidth}, out: pace{rate: l.bandwidth}}, nil
}

type connKey struct{}

// keepConn lets a handler find the connection of its request. Under TLS what
// arrives must be decrypted, and there is none.
func keepConn(ctx context.Context, c net.Conn) context.Context {
	if plain, ok := c.(*conn); ok {
		return context.WithValue(ctx, connKey{}, plain)
	}
	return ctx
}

// dropAtLeast is how much a read must ask for to be a read of a body: the
// server reads the headers through a much smaller buffer.
const dropAtLeast = 64 << 10

func (c *conn) Read(p []byte) (n int, err error) {
	if c.dropping.Load() && len(p) >= dropAtLeast {
		n, err = c.drop(p)
	} else {
		n, err = c.TCPConn.Read(p)
	}
	c.in.wait(n)
	return n, err
}

// drop takes up to len(p) bytes from the connection and leaves p as it is
// (tcp(7), MSG_TRUNC).
func (c *conn) drop(p []byte) (n int, err error) {
	waited := c.raw.Read(func(fd uintptr) bool {
		n, _, err = unix.Recvfrom(int(fd), p, unix.MSG_TRUNC)
		return err != unix.EAGAIN
	})
	switch {
	case waited != nil:
		return 0, waited
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

func (c *conn) Write(p []byte) (n int, err error) {
	if c.out.rate == 0 {
		return c.TCPConn.Write(p)
	}
	for n < len(p) && err == nil {
		var m int
		m, err = c.TCPConn.Write(p[n:min(n+dropAtLeast, len(p))])
		c.out.wait(m)
		n += m
	}
	return n, err
}

// pace holds a stream to a rate in bytes a second; a rate of 0 is none. One
// goroutine uses it at a time.
type pace struct {
	rate int64
	next time.Time // when what has passed should have
}

// burst is what may pass at once after a silence.
const burst = 10 * time.Millisecond

// wait lets the time pass that n bytes take.
func (p *pace) wait(n int) {
	if p.rate == 0 || n <= 0 {
		return
	}
	now := time.Now()
	if earliest := now.Add(-burst); p.next.Before(earliest) {
		p.next = earliest
	}
	p.next = p.next.Add(time.Duration(float64(n) / float64(p.rate) * float64(time.Second)))
	time.Sleep(p.next.Sub(now))
}
