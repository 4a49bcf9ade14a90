package s3discard

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var bucketName = "bucket"

// fixture is an endpoint and a client of it.
type fixture struct {
	*testing.T
	server *Server
	s3     *s3.Client
	http   *http.Client
}

// unsigned sends payloads as they are, with their length.
func unsigned(o *s3.Options) {
	o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
}

func newFixture(t *testing.T, o Options, more ...func(*s3.Options)) *fixture {
	server, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true}
	if o.CertFile != "" {
		text, err := os.ReadFile(o.CertFile)
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(text)
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	f := &fixture{T: t, server: server, http: &http.Client{Transport: transport}}
	f.s3 = s3.New(s3.Options{
		BaseEndpoint: &server.URL, Region: "us-east-1", UsePathStyle: true, HTTPClient: f.http,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""), RetryMaxAttempts: 1,
	}, more...)
	return f
}

// code is S3's code in err.
func code(err error) string {
	var answer smithy.APIError
	if errors.As(err, &answer) {
		return answer.ErrorCode()
	}
	return fmt.Sprint(err)
}

func (f *fixture) put(key string, size int) *s3.PutObjectOutput {
	f.Helper()
	out, err := f.s3.PutObject(f.Context(), &s3.PutObjectInput{
		Bucket: &bucketName, Key: &key, Body: bytes.NewReader(make([]byte, size)),
		ContentType: aws.String("video/mp4"), Metadata: map[string]string{"a": "b"},
		ChecksumCRC64NVME: aws.String("AAAAAAAAAAA="),
	})
	if err != nil {
		f.Fatal(err)
	}
	return out
}

func (f *fixture) sized(key string, size int64) {
	f.Helper()
	out, err := f.s3.HeadObject(f.Context(), &s3.HeadObjectInput{Bucket: &bucketName, Key: &key})
	if err != nil {
		f.Fatal(err)
	}
	if *out.ContentLength != size {
		f.Errorf("%s has %d bytes, want %d", key, *out.ContentLength, size)
	}
}

func TestObject(t *testing.T) {
	f := newFixture(t, Options{}, unsigned)
	put := f.put("k", 3<<20+5)
	if *put.ChecksumCRC64NVME != "AAAAAAAAAAA=" {
		t.Errorf("the checksum came back as %s", *put.ChecksumCRC64NVME)
	}
	head, err := f.s3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucketName, Key: aws.String("k"), ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		t.Fatal(err)
	}
	if *head.ContentLength != 3<<20+5 || *head.ETag != *put.ETag || *head.ContentType != "video/mp4" ||
		head.Metadata["a"] != "b" || *head.ChecksumCRC64NVME != "AAAAAAAAAAA=" {
		t.Errorf("head: %+v", head)
	}
	if again := f.put("k", 1); *again.ETag == *put.ETag {
		t.Errorf("both versions have the ETag %s", *put.ETag)
	}
	if _, err := f.s3.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucketName, Key: aws.String("k")}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.s3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucketName, Key: aws.String("k")}); code(err) != "NotFound" {
		t.Error(err)
	}
}

// TestOtherBodies sends bodies as other clients do: in chunks with a checksum
// behind them, and signed.
func TestOtherBodies(t *testing.T) {
	const size = 1<<20 + 3
	f := newFixture(t, Options{})
	f.put("signed", size)
	f.sized("signed", size)

	f = newFixture(t, Options{CertFile: filepath.Join(t.TempDir(), "cert.pem")})
	_, err := f.s3.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &bucketName, Key: aws.String("trailer"), Body: bytes.NewReader(make([]byte, size)),
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.sized("trailer", size)
	if in := f.server.Stats()["PutObject"].In; in != size {
		t.Errorf("%d bytes are counted, want %d", in, size)
	}
}

func TestConditions(t *testing.T) {
	f := newFixture(t, Options{}, unsigned)
	old := f.put("k", 1)
	now := f.put("k", 2)
	put := func(key string, match, noneMatch *string) error {
		_, err := f.s3.PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: &bucketName, Key: &key, Body: strings.NewReader("x"), IfMatch: match, IfNoneMatch: noneMatch,
		})
		return err
	}
	for name, err := range map[string]error{
		"If-None-Match": put("k", nil, aws.String("*")), "If-Match": put("k", old.ETag, nil),
	} {
		if code(err) != "PreconditionFailed" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := put("none", now.ETag, nil); code(err) != "NoSuchKey" {
		t.Errorf("If-Match of nothing: %v", err)
	}
	if err := put("k", now.ETag, nil); err != nil {
		t.Error(err)
	}
	_, err := f.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucketName, Key: aws.String("k"), IfMatch: old.ETag})
	if code(err) != "PreconditionFailed" {
		t.Error(err)
	}
}

func TestGet(t *testing.T) {
	const size = 5*period + 17
	f := newFixture(t, Options{}, unsigned)
	f.put("k", size)
	want := make([]byte, size)
	Fill(want, 0)
	for _, r := range []struct {
		text         string
		offset, size int
	}{
		{"", 0, size}, {"bytes=0-0", 0, 1}, {"bytes=100-", 100, size - 100}, {"bytes=-7", size - 7, 7},
		{fmt.Sprintf("bytes=%d-%d", period-3, 3*period), period - 3, 2*period + 4}, {"bytes=9-99999999999", 9, size - 9},
	} {
		in := &s3.GetObjectInput{Bucket: &bucketName, Key: aws.String("k")}
		if r.text != "" {
			in.Range = &r.text
		}
		out, err := f.s3.GetObject(t.Context(), in)
		if err != nil {
			t.Fatal(r.text, err)
		}
		got, err := io.ReadAll(out.Body)
		out.Body.Close()
		if err != nil || !bytes.Equal(got, want[r.offset:r.offset+r.size]) {
			t.Errorf("%s: %d bytes, %v", r.text, len(got), err)
		}
	}
	for text, want := range map[string]string{"bytes=99999999-": "InvalidRange", "bytes=x-3": "InvalidArgument", "nonsense": "InvalidArgument"} {
		_, err := f.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucketName, Key: aws.String("k"), Range: &text})
		if code(err) != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// begin starts an upload with parts of these sizes.
func (f *fixture) begin(key string, sizes ...int) (id *string, parts []types.CompletedPart) {
	f.Helper()
	u, err := f.s3.CreateMultipartUpload(f.Context(), &s3.CreateMultipartUploadInput{
		Bucket: &bucketName, Key: &key, ContentType: aws.String("video/mp4"), ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme,
	})
	if err != nil {
		f.Fatal(err)
	}
	for i, size := range sizes {
		number := aws.Int32(int32(i + 1))
		out, err := f.s3.UploadPart(f.Context(), &s3.UploadPartInput{
			Bucket: &bucketName, Key: &key, UploadId: u.UploadId, PartNumber: number,
			Body: bytes.NewReader(make([]byte, size)), ChecksumCRC64NVME: aws.String("AAAAAAAAAAA="),
		})
		if err != nil {
			f.Fatal(err)
		}
		if *out.ChecksumCRC64NVME != "AAAAAAAAAAA=" {
			f.Errorf("part %d: checksum %s", *number, *out.ChecksumCRC64NVME)
		}
		parts = append(parts, types.CompletedPart{PartNumber: number, ETag: out.ETag})
	}
	return u.UploadId, parts
}

func (f *fixture) complete(key string, id *string, size int64, parts ...types.CompletedPart) (*s3.CompleteMultipartUploadOutput, error) {
	return f.s3.CompleteMultipartUpload(f.Context(), &s3.CompleteMultipartUploadInput{
		Bucket: &bucketName, Key: &key, UploadId: id, MpuObjectSize: &size,
		MultipartUpload:   &types.CompletedMultipartUpload{Parts: parts},
		ChecksumCRC64NVME: aws.String("AAAAAAAAAAE="), ChecksumType: types.ChecksumTypeFullObject,
	})
}

func TestUpload(t *testing.T) {
	f := newFixture(t, Options{}, unsigned)
	id, parts := f.begin("k", minPart, minPart+1, 3)
	const size = 2*minPart + 4
	for want, err := range map[string]error{
		"InvalidRequest":   second(f.complete("k", id, size+1, parts...)),
		"EntityTooSmall":   second(f.complete("k", id, size, append(parts[:3:3], types.CompletedPart{PartNumber: aws.Int32(4), ETag: f.part("k", id, 4)})...)),
		"InvalidPart":      second(f.complete("k", id, size, types.CompletedPart{PartNumber: aws.Int32(9), ETag: parts[0].ETag})),
		"InvalidPartOrder": second(f.complete("k", id, size, parts[1], parts[0])),
		"NoSuchUpload":     second(f.complete("other", id, size, parts...)),
	} {
		if code(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	out, err := f.complete("k", id, size, parts...)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(*out.ETag, `-3"`) || *out.ChecksumCRC64NVME != "AAAAAAAAAAE=" || out.ChecksumType != types.ChecksumTypeFullObject {
		t.Errorf("completed as %+v", out)
	}
	f.sized("k", size)
	if _, err := f.complete("k", id, size, parts...); code(err) != "NoSuchUpload" {
		t.Error(err)
	}
}

// second gives the error of a call.
func second[T any](_ T, err error) error { return err }

// part sends one more byte as a part.
func (f *fixture) part(key string, id *string, number int32) *string {
	f.Helper()
	out, err := f.s3.UploadPart(f.Context(), &s3.UploadPartInput{
		Bucket: &bucketName, Key: &key, UploadId: id, PartNumber: &number, Body: strings.NewReader("x"),
	})
	if err != nil {
		f.Fatal(err)
	}
	return out.ETag
}

func TestCopies(t *testing.T) {
	f := newFixture(t, Options{}, unsigned)
	src := f.put("a b/ü", minPart+10)
	from := aws.String("bucket/a%20b/%C3%BC")
	if _, err := f.s3.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: &bucketName, Key: aws.String("copy"), CopySource: from, CopySourceIfMatch: src.ETag}); err != nil {
		t.Fatal(err)
	}
	f.sized("copy", minPart+10)
	_, err := f.s3.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: &bucketName, Key: aws.String("copy"), CopySource: from, CopySourceIfMatch: aws.String(`"no"`)})
	if code(err) != "PreconditionFailed" {
		t.Error(err)
	}
	id, parts := f.begin("k", minPart)
	copied, err := f.s3.UploadPartCopy(t.Context(), &s3.UploadPartCopyInput{
		Bucket: &bucketName, Key: aws.String("k"), UploadId: id, PartNumber: aws.Int32(2), CopySource: from, CopySourceRange: aws.String("bytes=5-14"),
	})
	if err != nil {
		t.Fatal(err)
	}
	parts = append(parts, types.CompletedPart{PartNumber: aws.Int32(2), ETag: copied.CopyPartResult.ETag})
	if _, err := f.complete("k", id, minPart+10, parts...); err != nil {
		t.Fatal(err)
	}
	f.sized("k", minPart+10)
}

func TestLists(t *testing.T) {
	f := newFixture(t, Options{}, unsigned)
	for _, key := range []string{"a/1", "a/2", "b & c", "control\x01", "d"} {
		f.put(key, len(key))
	}
	var names []string
	pages := s3.NewListObjectsV2Paginator(f.s3, &s3.ListObjectsV2Input{
		Bucket: &bucketName, Delimiter: aws.String("/"), MaxKeys: aws.Int32(2), EncodingType: types.EncodingTypeUrl,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.CommonPrefixes {
			names = append(names, *p.Prefix)
		}
		for _, o := range page.Contents {
			names = append(names, fmt.Sprint(*o.Key, *o.Size))
		}
	}
	if got := strings.Join(names, "|"); got != "a/|b+%26+c5|control%018|d1" {
		t.Errorf("listed %q", got)
	}
	var older []string
	for marker := ""; ; {
		page, err := f.s3.ListObjects(t.Context(), &s3.ListObjectsInput{
			Bucket: &bucketName, Prefix: aws.String("a"), Delimiter: aws.String("/"), MaxKeys: aws.Int32(1), Marker: &marker,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.CommonPrefixes {
			older = append(older, *p.Prefix)
		}
		if !*page.IsTruncated {
			break
		}
		marker = *page.NextMarker
	}
	if got := strings.Join(older, "|"); got != "a/" {
		t.Errorf("listed %q", got)
	}
}

func TestListsOfUploads(t *testing.T) {
	f := newFixture(t, Options{}, unsigned)
	id, _ := f.begin("x", 1, 2, 3)
	f.begin("y")
	parts := 0
	pages := s3.NewListPartsPaginator(f.s3, &s3.ListPartsInput{Bucket: &bucketName, Key: aws.String("x"), UploadId: id, MaxParts: aws.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Parts {
			if parts++; *p.PartNumber != int32(parts) || *p.Size != int64(parts) {
				t.Errorf("part %d of %d bytes", *p.PartNumber, *p.Size)
			}
		}
	}
	if parts != 3 {
		t.Errorf("%d parts", parts)
	}
	if _, err := f.s3.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: &bucketName, Key: aws.String("x"), UploadId: id}); err != nil {
		t.Fatal(err)
	}
	f.begin("y")
	var keys []string
	uploads := s3.NewListMultipartUploadsPaginator(f.s3, &s3.ListMultipartUploadsInput{Bucket: &bucketName, MaxUploads: aws.Int32(1)})
	for uploads.HasMorePages() {
		page, err := uploads.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range page.Uploads {
			keys = append(keys, *u.Key)
		}
	}
	if got := strings.Join(keys, "|"); got != "y|y" {
		t.Errorf("uploads of %q", got)
	}
}

func TestBucket(t *testing.T) {
	f := newFixture(t, Options{}, unsigned)
	if _, err := f.s3.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: &bucketName}); err != nil {
		t.Error(err)
	}
	if _, err := f.s3.GetBucketLocation(t.Context(), &s3.GetBucketLocationInput{Bucket: &bucketName}); err != nil {
		t.Error(err)
	}
	_, err := f.s3.GetBucketLifecycleConfiguration(t.Context(), &s3.GetBucketLifecycleConfigurationInput{Bucket: &bucketName})
	if code(err) != "NoSuchLifecycleConfiguration" {
		t.Error(err)
	}
	f.put("x", 1)
	_, err = f.s3.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: &bucketName, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("x")}}}})
	if err != nil {
		t.Error(err)
	}
	if _, err := f.s3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucketName, Key: aws.String("x")}); code(err) != "NotFound" {
		t.Error(err)
	}
	if _, err := f.s3.GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: &bucketName, Key: aws.String("x")}); code(err) != "NotImplemented" {
		t.Error(err)
	}
}

func TestStats(t *testing.T) {
	f := newFixture(t, Options{}, unsigned)
	f.put("k", 1000)
	out, err := f.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucketName, Key: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, out.Body)
	out.Body.Close()
	stats := func(method string) (got Stats) {
		r, err := http.NewRequestWithContext(context.Background(), method, f.server.URL+statsPath, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := f.http.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		json.NewDecoder(answer.Body).Decode(&got)
		return got
	}
	got := stats("GET")
	if got["PutObject"] != (Count{1, 1000, 0}) || got["GetObject"] != (Count{1, 0, 1000}) {
		t.Errorf("%+v", got)
	}
	stats("DELETE")
	if got := stats("GET"); len(got) != 0 {
		t.Errorf("%+v after the reset", got)
	}
}

func TestLatency(t *testing.T) {
	const latency = 50 * time.Millisecond
	f := newFixture(t, Options{Latency: latency}, unsigned)
	begun := time.Now()
	f.put("k", 1)
	if took := time.Since(begun); took < latency {
		t.Errorf("took %v", took)
	}
}

// TestBandwidth moves a megabyte each way at 10 MB/s.
func TestBandwidth(t *testing.T) {
	const size = 1_000_000
	f := newFixture(t, Options{Bandwidth: 10 * size}, unsigned)
	begun := time.Now()
	f.put("k", size)
	up := time.Since(begun)
	begun = time.Now()
	out, err := f.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucketName, Key: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, out.Body)
	out.Body.Close()
	if err != nil || n != size {
		t.Fatal(n, err)
	}
	if down := time.Since(begun); up < 85*time.Millisecond || down < 85*time.Millisecond {
		t.Errorf("up %v, down %v, want about 100 ms", up, down)
	}
}

// BenchmarkUploadPart measures the endpoint together with a bare client.
func BenchmarkUploadPart(b *testing.B) {
	s, err := Start(Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	p := make([]byte, 10<<20)
	transport := &http.Transport{WriteBufferSize: 256 << 10}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		r, err := http.NewRequest("PUT", s.URL+"/bucket/key", bytes.NewReader(p))
		if err != nil {
			b.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil || answer.StatusCode != 200 {
			b.Fatal(answer, err)
		}
		answer.Body.Close()
	}
}
