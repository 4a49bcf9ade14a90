package s3store

import (
	"context"
	"crypto/tls"
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
	t.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return secure(ctx, c, address, t)
	}
	t.ForceAttemptHTTP2 = false
	t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	t.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	t.TLSClientConfig.DynamicRecordSizingDisabled = true // nobody waits for the first bytes of a part
	t.MaxIdleConns = 0
	t.MaxIdleConnsPerHost = connections
	t.MaxConnsPerHost = 0 // a request in a queue would look like one that stands still
	t.WriteBufferSize, t.ReadBufferSize = bufferSize, bufferSize
	t.DisableCompression = true
	return t
}
