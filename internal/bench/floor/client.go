package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// client is the SDK with nothing switched on that costs.
type client struct {
	settings
	s3 *s3.Client
}

// bufferSize of a connection in bytes.
const bufferSize = 64 << 10

func newClient(s settings) (*client, error) {
	loaded, err := config.LoadDefaultConfig(context.Background(), config.WithRegion("us-east-1"))
	if err != nil {
		return nil, err
	}
	buildable, ok := loaded.HTTPClient.(*awshttp.BuildableClient) // with AWS_CA_BUNDLE
	if !ok {
		buildable = awshttp.NewBuildableClient()
	}
	t := buildable.GetTransport()
	t.ForceAttemptHTTP2 = false
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, 2*s.concurrency
	t.WriteBufferSize, t.ReadBufferSize = bufferSize, bufferSize
	t.DisableCompression = true
	t.DialContext = dial
	return &client{settings: s, s3: s3.NewFromConfig(loaded, func(o *s3.Options) {
		o.BaseEndpoint, o.UsePathStyle = &s.endpoint, true
		o.HTTPClient = direct{t}
		o.Retryer = aws.NopRetryer{}
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		o.ContinueHeaderThresholdBytes = -1
		o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
	})}, nil
}

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &conn{c}, nil
}

// conn writes a payload from where it lies. net/http asks for that over plain
// http only.
type conn struct{ net.Conn }

func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	limited, ok := r.(*io.LimitedReader)
	if !ok {
		return io.Copy(c.Conn, r)
	}
	body, ok := limited.R.(payload)
	if !ok {
		return io.Copy(c.Conn, r)
	}
	n, err := body.WriteTo(stride{c.Conn})
	limited.N -= n
	return n, err
}

// stride writes as many bytes at once as cost the least: fewer than the
// processor's cache holds.
type stride struct{ net.Conn }

func (s stride) Write(p []byte) (n int, err error) {
	const most = 32 << 10
	for n < len(p) && err == nil {
		var m int
		m, err = s.Conn.Write(p[n:min(n+most, len(p))])
		n += m
	}
	return n, err
}

// payload is the body of a request.
type payload struct{ *bytes.Reader }

func (payload) Close() error { return nil }

type payloadKey struct{}

// direct hands the body that the context carries to the transport, instead of
// what the SDK wraps around it.
type direct struct{ *http.Transport }

func (d direct) Do(r *http.Request) (*http.Response, error) {
	if p, ok := r.Context().Value(payloadKey{}).([]byte); ok {
		r.Body = payload{bytes.NewReader(p)}
	}
	return d.RoundTrip(r)
}

// with gives the context for a request with a body.
func with(p []byte) context.Context {
	return context.WithValue(context.Background(), payloadKey{}, p)
}

func encode(sum uint64) *string {
	return aws.String(base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, sum)))
}

func (c *client) put(key string, p []byte, sum uint64) {
	_, err := c.s3.PutObject(with(p), &s3.PutObjectInput{
		Bucket: &c.bucket, Key: &key, Body: bytes.NewReader(p), ChecksumCRC64NVME: encode(sum),
	})
	must(err)
}

func (c *client) begin(key string) (id string) {
	out, err := c.s3.CreateMultipartUpload(context.Background(), &s3.CreateMultipartUploadInput{
		Bucket: &c.bucket, Key: &key, ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme,
	})
	must(err)
	return *out.UploadId
}

func (c *client) send(key, id string, number int32, p []byte, sum uint64) types.CompletedPart {
	out, err := c.s3.UploadPart(with(p), &s3.UploadPartInput{
		Bucket: &c.bucket, Key: &key, UploadId: &id, PartNumber: &number,
		Body: bytes.NewReader(p), ChecksumCRC64NVME: encode(sum),
	})
	must(err)
	return types.CompletedPart{PartNumber: &number, ETag: out.ETag, ChecksumCRC64NVME: encode(sum)}
}

func (c *client) complete(key, id string, parts []types.CompletedPart) {
	_, err := c.s3.CompleteMultipartUpload(context.Background(), &s3.CompleteMultipartUploadInput{
		Bucket: &c.bucket, Key: &key, UploadId: &id, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	must(err)
}

// get fills p from offset on.
func (c *client) get(key string, offset int64, p []byte) {
	out, err := c.s3.GetObject(context.Background(), &s3.GetObjectInput{
		Bucket: &c.bucket, Key: &key,
		Range: aws.String("bytes=" + strconv.FormatInt(offset, 10) + "-" + strconv.FormatInt(offset+int64(len(p))-1, 10)),
	})
	must(err)
	defer out.Body.Close()
	if _, err := io.ReadFull(out.Body, p); err != nil {
		must(fmt.Errorf("get %s at %d: %w", key, offset, err))
	}
}
