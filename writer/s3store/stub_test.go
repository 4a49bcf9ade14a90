package s3store

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/cenkalti/backoff/v5"

	"github.com/s3mpfs/s3mpfs/writer"
)

// stub is a server that gives prepared answers and remembers what it was asked.
type stub struct {
	*httptest.Server
	log bytes.Buffer // of the store

	mu       sync.Mutex // guards what follows
	answers  map[string][]answerTo
	requests []*request
}

// request is what arrived.
type request struct {
	*http.Request
	name string // operation, such as "UploadPart"
	body []byte
}

// answerTo writes one answer.
type answerTo func(w http.ResponseWriter, r *request)

// newStub answers each request with the next of its operation's answers, and
// with the last one when they are used up.
func newStub(t *testing.T, answers map[string][]answerTo) *stub {
	s := &stub{answers: answers}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // what is cut off is what arrived
	got := &request{r, operationOf(r), body}
	s.mu.Lock()
	s.requests = append(s.requests, got)
	list := s.answers[got.name]
	if len(list) > 1 {
		s.answers[got.name] = list[1:]
	}
	s.mu.Unlock()
	if len(list) == 0 {
		fails(http.StatusTeapot, "Unprepared", got.name)(w, got)
		return
	}
	list[0](w, got)
}

// operationOf names a request.
func operationOf(r *http.Request) string {
	q := r.URL.Query()
	copying := r.Header.Get("X-Amz-Copy-Source") != ""
	switch {
	case q.Has("session"):
		return "CreateSession"
	case r.Method == http.MethodPut && q.Has("renameObject"):
		return "RenameObject"
	case r.Method == http.MethodPost && q.Has("uploads"):
		return "CreateMultipartUpload"
	case r.Method == http.MethodPost:
		return "CompleteMultipartUpload"
	case r.Method == http.MethodPut && q.Has("uploadId") && copying:
		return "UploadPartCopy"
	case r.Method == http.MethodPut && q.Has("uploadId"):
		return "UploadPart"
	case r.Method == http.MethodPut && copying:
		return "CopyObject"
	case r.Method == http.MethodPut:
		return "PutObject"
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		return "AbortMultipartUpload"
	case r.Method == http.MethodDelete:
		return "DeleteObject"
	case r.Method == http.MethodHead && strings.Count(r.URL.Path, "/") < 2:
		return "HeadBucket"
	case r.Method == http.MethodHead:
		return "HeadObject"
	case q.Has("uploads"):
		return "ListMultipartUploads"
	case q.Has("uploadId"):
		return "ListParts"
	case q.Has("list-type"):
		return "ListObjectsV2"
	}
	return "GetObject"
}

// seen gives the requests of an operation.
func (s *stub) seen(name string) (list []*request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if r.name == name {
			list = append(list, r)
		}
	}
	return list
}

// count verifies how many requests of an operation came.
func (s *stub) count(t *testing.T, name string, want int) {
	t.Helper()
	if got := len(s.seen(name)); got != want {
		t.Errorf("%d %s, want %d", got, name, want)
	}
}

// fails answers with an S3 error.
func fails(status int, code, message string) answerTo {
	return func(w http.ResponseWriter, r *request) {
		w.Header().Set("X-Amz-Request-Id", "ID1")
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			fmt.Fprintf(w, "<?xml version=\"1.0\"?>\n<Error><Code>%s</Code><Message>%s</Message><RequestId>ID1</RequestId></Error>", code, message)
		}
	}
}

// says answers 200 with a body.
func says(body string, header ...string) answerTo {
	return func(w http.ResponseWriter, r *request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		io.WriteString(w, body)
	}
}

// cuts drops the connection without an answer.
func cuts(w http.ResponseWriter, r *request) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		c.Close()
	}
}

const (
	createdXML   = `<InitiateMultipartUploadResult><UploadId>up</UploadId></InitiateMultipartUploadResult>`
	completedXML = `<CompleteMultipartUploadResult><ETag>"done-1"</ETag></CompleteMultipartUploadResult>`
	copiedXML    = `<CopyObjectResult><ETag>"copy"</ETag></CopyObjectResult>`
	partXML      = `<CopyPartResult><ETag>"part"</ETag></CopyPartResult>`
	emptyListXML = `<ListBucketResult><Name>bucket</Name></ListBucketResult>`
)

// open gives a store on the stub that tries again at once.
func (s *stub) open(t *testing.T, changes ...func(*Config)) *Store {
	t.Helper()
	cfg := testConfig(t, s.URL)
	cfg.Log = slog.New(slog.NewTextHandler(&s.log, nil))
	for _, change := range changes {
		change(&cfg)
	}
	store, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// testConfig reads nothing of the machine it runs on.
func testConfig(t *testing.T, endpoint string) Config {
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return Config{
		Bucket: "bucket", EndpointURL: endpoint, Region: "us-east-1", Checksum: writer.CRC64NVME,
		RetryTimeout: time.Minute,
		Credentials:  credentials.NewStaticCredentialsProvider("key", "secret", ""),
		newBackOff:   func() backoff.BackOff { return &backoff.ZeroBackOff{} },
	}
}

// someBody is a body of two blocks.
func someBody() writer.Body {
	return writer.NewBody(writer.CRC64NVME, []byte("hello, "), []byte("world"))
}

// someUpload is a running upload.
func someUpload() writer.Upload {
	return writer.Upload{Key: "k", ID: "up", Checksum: writer.CRC64NVME}
}
