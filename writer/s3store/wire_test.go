package s3store

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/s3mpfs/s3mpfs/writer"
)

// TestPartOnTheWire looks at the very bytes of a part's request.
func TestPartOnTheWire(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			endpoint, raw := rawServer(t, scheme)
			cfg := testConfig(t, endpoint)
			s, err := Open(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			body := writer.NewBody(writer.CRC64NVME, bytes.Repeat([]byte("a"), 300<<10), bytes.Repeat([]byte("b"), 300<<10))
			part, err := s.UploadPart(t.Context(), someUpload(), 7, body)
			if err != nil {
				t.Fatal(err)
			}
			if part.ETag != `"e"` || part.Checksum != body.Checksum || part.Size != body.Size || part.Number != 7 {
				t.Errorf("part %+v", part)
			}
			head, content, _ := strings.Cut(<-raw, "\r\n\r\n")
			head = strings.ToLower(head)
			for _, want := range []string{
				"put /bucket/k?partnumber=7&uploadid=up&x-id=uploadpart http/1.1\r\n",
				"content-length: 614400\r\n",
				"x-amz-checksum-crc64nvme: " + strings.ToLower(body.Checksum.Base64()),
				"x-amz-content-sha256: unsigned-payload",
			} {
				if !strings.Contains(head, want) {
					t.Errorf("no %q in\n%s", want, head)
				}
			}
			for _, never := range []string{"aws-chunked", "transfer-encoding", "trailer", "expect:", "x-amz-sdk-checksum"} {
				if strings.Contains(head, never) {
					t.Errorf("%q in\n%s", never, head)
				}
			}
			if content != strings.Repeat("a", 300<<10)+strings.Repeat("b", 300<<10) {
				t.Errorf("other content, %d bytes", len(content))
			}
		})
	}
}

// rawServer takes one request of 600 KiB and gives its bytes.
func rawServer(t *testing.T, scheme string) (endpoint string, raw <-chan string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	endpoint = scheme + "://" + l.Addr().String()
	if scheme == "https" {
		// httptest's certificate, trusted the way people have theirs trusted.
		ts := httptest.NewTLSServer(nil)
		ts.Close()
		bundle := filepath.Join(t.TempDir(), "ca.pem")
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ts.Certificate().Raw})
		if err := os.WriteFile(bundle, text, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("AWS_CA_BUNDLE", bundle)
		l = tls.NewListener(l, &tls.Config{Certificates: ts.TLS.Certificates})
	}
	t.Cleanup(func() { l.Close() })
	got := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			close(got)
			return
		}
		defer c.Close()
		var all bytes.Buffer
		for p := make([]byte, 64<<10); !complete(all.Bytes()); {
			n, err := c.Read(p)
			all.Write(p[:n])
			if err != nil {
				break
			}
		}
		got <- all.String()
		io.WriteString(c, "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 0\r\n\r\n")
	}()
	return endpoint, got
}

// complete says that a request with its 600 KiB of content is there.
func complete(p []byte) bool {
	i := bytes.Index(p, []byte("\r\n\r\n"))
	return i >= 0 && len(p) >= i+4+600<<10
}

// writes remembers the slices that a connection is given.
type writes struct {
	net.Conn
	list [][]byte
}

func (w *writes) Write(p []byte) (int, error) {
	w.list = append(w.list, p)
	return len(p), nil
}

// TestBlocksGoToTheConnectionUncopied shows that plain http sends the blocks
// themselves.
func TestBlocksGoToTheConnectionUncopied(t *testing.T) {
	body := someBody()
	w := &watch{body: &body}
	limited := &io.LimitedReader{R: w.open(), N: body.Size}
	out := &writes{}
	n, err := (&conn{out}).ReadFrom(limited)
	if n != body.Size || err != nil || limited.N != 0 {
		t.Fatalf("%d bytes, %d left: %v", n, limited.N, err)
	}
	if len(out.list) != 2 || &out.list[0][0] != &body.Blocks[0][0] || &out.list[1][0] != &body.Blocks[1][0] {
		t.Errorf("written as %q", out.list)
	}
}

// TestEveryObjectGetsWhatTheMountGives looks at the headers of the three
// requests that create objects.
func TestEveryObjectGetsWhatTheMountGives(t *testing.T) {
	s := newStub(t, map[string][]answerTo{
		"PutObject":             {says("", "ETag", `"e"`)},
		"CopyObject":            {says(copiedXML)},
		"CreateMultipartUpload": {says(createdXML)},
	})
	store := s.open(t, func(c *Config) {
		c.ACL, c.StorageClass, c.SSE, c.SSEKMSKeyID = "private", "STANDARD_IA", "aws:kms", "kms-key"
		c.CacheControl, c.RequesterPays, c.ExpectedBucketOwner = "no-cache", true, "123456789012"
		c.Metadata, c.Tagging = map[string]string{"a": "mount", "b": "mount"}, map[string]string{"t": "1 2"}
		c.UserAgent = "s3mpfs/9"
	})
	attrs := writer.Attributes{ContentType: "video/mp4", Metadata: map[string]string{"b": "own"}}
	if _, err := store.PutObject(t.Context(), "k", attrs, someBody(), writer.Condition{}); err != nil {
		t.Error(err)
	}
	if _, err := store.CopyObject(t.Context(), writer.Object{Key: "a b+c", ETag: `"src"`}, "k", attrs, writer.Condition{}); err != nil {
		t.Error(err)
	}
	if _, err := store.CreateMultipartUpload(t.Context(), "k", attrs, writer.Condition{}); err != nil {
		t.Error(err)
	}
	want := map[string]string{
		"Content-Type": "video/mp4", "Cache-Control": "no-cache", "X-Amz-Acl": "private",
		"X-Amz-Storage-Class": "STANDARD_IA", "X-Amz-Server-Side-Encryption": "aws:kms",
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "kms-key", "X-Amz-Request-Payer": "requester",
		"X-Amz-Expected-Bucket-Owner": "123456789012", "X-Amz-Meta-A": "mount", "X-Amz-Meta-B": "own",
		"X-Amz-Tagging": "t=1+2",
	}
	for _, name := range []string{"PutObject", "CopyObject", "CreateMultipartUpload"} {
		for _, r := range s.seen(name) {
			for header, value := range want {
				if got := r.Header.Get(header); got != value {
					t.Errorf("%s: %s is %q, want %q", name, header, got, value)
				}
			}
			if !strings.Contains(r.Header.Get("User-Agent"), "s3mpfs/9") {
				t.Errorf("user agent %q", r.Header.Get("User-Agent"))
			}
		}
		s.count(t, name, 1)
	}
	copied := s.seen("CopyObject")[0].Header
	if got := copied.Get("X-Amz-Copy-Source"); got != "bucket/a%20b%2Bc" {
		t.Errorf("copy source %q", got)
	}
	if copied.Get("X-Amz-Copy-Source-If-Match") != `"src"` || copied.Get("X-Amz-Metadata-Directive") != "REPLACE" || copied.Get("X-Amz-Tagging-Directive") != "REPLACE" {
		t.Errorf("headers of the copy: %v", copied)
	}
	created := s.seen("CreateMultipartUpload")[0].Header
	if created.Get("X-Amz-Checksum-Algorithm") != "CRC32C" || created.Get("X-Amz-Checksum-Type") != "FULL_OBJECT" {
		t.Errorf("headers of the upload: %v", created)
	}
}

// TestACopyKeepsWhatItsSourceHas shows that class and encryption of the source
// are kept where the mount names none, in a copy of one request and in one of
// parts.
func TestACopyKeepsWhatItsSourceHas(t *testing.T) {
	s := newStub(t, map[string][]answerTo{
		"HeadObject": {says("", "ETag", `"src"`, "Content-Length", "9", "X-Amz-Storage-Class", "STANDARD_IA",
			"X-Amz-Server-Side-Encryption", "aws:kms", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "their-key",
			"X-Amz-Server-Side-Encryption-Bucket-Key-Enabled", "true", "X-Amz-Website-Redirect-Location", "/elsewhere")},
		"CopyObject":            {says(copiedXML)},
		"CreateMultipartUpload": {says(createdXML)},
	})
	store := s.open(t, func(c *Config) { c.ACL = "private" })
	src, err := store.HeadObject(t.Context(), "src")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.CopyObject(t.Context(), src, "k", src.Attributes, writer.Condition{}); err != nil {
		t.Error(err)
	}
	if _, err := store.CreateMultipartUpload(t.Context(), "k", src.Attributes, writer.Condition{}); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"CopyObject", "CreateMultipartUpload"} {
		for header, want := range map[string]string{
			"X-Amz-Storage-Class": "STANDARD_IA", "X-Amz-Server-Side-Encryption": "aws:kms", "X-Amz-Acl": "private",
			"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "their-key", "X-Amz-Tagging-Directive": "",
			"X-Amz-Server-Side-Encryption-Bucket-Key-Enabled": "true", "X-Amz-Website-Redirect-Location": "/elsewhere",
		} {
			if got := s.seen(name)[0].Header.Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", name, header, got, want)
			}
		}
	}
}

func TestCopySources(t *testing.T) {
	const point = "arn:aws:s3:eu-west-1:123456789012:accesspoint/point"
	for want, c := range map[string]struct {
		bucket string
		src    writer.Object
	}{
		"bucket/a%20b%2Bc/d":      {"bucket", writer.Object{Key: "a b+c/d", VersionID: "v"}},
		"bucket/k?versionId=v%2B": {"bucket", writer.Object{Key: "k", VersionID: "v+", ByVersion: true}},
		point + "/object/d/k":     {point, writer.Object{Key: "d/k"}},
	} {
		s := &Store{cfg: Config{Bucket: c.bucket}}
		if got := *s.copySource(c.src); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
