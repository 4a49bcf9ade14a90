package s3store

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// bufferSize of a connection in bytes: headers and small objects leave in one
// write, and a read of a FUSE request's worth goes around the buffer.
const bufferSize = 64 << 10

// newTransport makes the way for many large bodies: HTTP/1.1, because one
// TCP connection for each part in flight is what S3's throughput needs, and as
// many warm connections as there may be requests. There is no time-out on the
// whole request (see watch). configured carries the CA bundle of the SDK's
// configuration.
func newTransport(configured aws.HTTPClient, connections int) *http.Transport {
	buildable, ok := configured.(*awshttp.BuildableClient)
	if !ok {
		buildable = awshttp.NewBuildableClient()
	}
	t := buildable.GetTransport()
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &conn{c}, nil
	}
	t.ForceAttemptHTTP2 = false
	t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	t.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	t.MaxIdleConns = 0
	t.MaxIdleConnsPerHost = connections
	t.MaxConnsPerHost = 0 // a request in a queue would look like one that stands still
	t.WriteBufferSize, t.ReadBufferSize = bufferSize, bufferSize
	t.DisableCompression = true
	return t
}

// conn writes the body of a request from the blocks it lies in, without the
// copies through net/http's buffers. It works for plain http, where net/http
// hands the body down to the connection.
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
