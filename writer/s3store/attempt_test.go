package s3store

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/s3mpfs/s3mpfs/writer"
)

func TestTransientFaultsAreTriedAgain(t *testing.T) {
	for name, fault := range map[string]answerTo{
		"500":                  fails(500, "InternalError", ""),
		"503":                  fails(503, "SlowDown", "Reduce your request rate."),
		"503 of a proxy":       func(w http.ResponseWriter, r *request) { w.WriteHeader(503); io.WriteString(w, "<html>") },
		"502":                  func(w http.ResponseWriter, r *request) { w.WriteHeader(502) },
		"429":                  fails(429, "TooManyRequests", ""),
		"request timeout":      fails(400, "RequestTimeout", "Your socket connection was not read from."),
		"reset":                cuts,
		"corrupted on the way": fails(400, "BadDigest", "did not match"),
		"aborted operation":    fails(409, "OperationAborted", ""),
		"temporary redirect":   fails(307, "TemporaryRedirect", ""),
		"no ETag":              says(""),
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t, map[string][]answerTo{"UploadPart": {fault, fault, says("", "ETag", `"e"`)}})
			part, err := s.open(t).UploadPart(t.Context(), someUpload(), 1, someBody())
			if err != nil || part.ETag != `"e"` {
				t.Fatalf("%+v, %v", part, err)
			}
			s.count(t, "UploadPart", 3)
			for _, r := range s.seen("UploadPart") {
				if string(r.body) != "hello, world" {
					t.Errorf("an attempt sent %q", r.body)
				}
			}
		})
	}
}

// TestWaitingForATurnCountsAsTrying: a file whose turn comes when the store has
// been away for --retry-timeout is not given as long again.
func TestWaitingForATurnCountsAsTrying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for waited, most := range map[time.Duration]time.Duration{
			0:                time.Hour,
			50 * time.Minute: 10 * time.Minute,
			2 * time.Hour:    leastPatience,
		} {
			s := &Store{cfg: Config{RetryTimeout: time.Hour, Bucket: "films", Region: "us-east-1", Transport: away{}, Credentials: aws.AnonymousCredentials{}}}
			if err := s.cfg.complete(); err != nil {
				t.Fatal(err)
			}
			s.transport = s.cfg.Transport
			s.reached.Store(true)
			s.client.Store(s3.NewFromConfig(aws.Config{Region: "us-east-1"}, s.configure))
			begun := time.Now()
			_, err := s.HeadObject(writer.WithWaited(t.Context(), waited), "k")
			if took := time.Since(begun); !errors.Is(err, writer.ErrUnavailable) || took > most || took < most-time.Minute {
				t.Errorf("having waited for %v it is given up after %v: %v", waited, took, err)
			}
		}
	})
}

// away is a network that is down.
type away struct{}

func (away) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Err: syscall.ENETUNREACH}
}

func TestFinalFaultsAreNotTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		answer answerTo
		class  error
		code   string
		status int
	}{
		"access":          {fails(403, "AccessDenied", "no"), writer.ErrAccess, "AccessDenied", 403},
		"an unknown 403":  {fails(403, "Whatever", "no"), writer.ErrAccess, "Whatever", 403},
		"bucket":          {fails(404, "NoSuchBucket", "no"), writer.ErrNoSuchBucket, "NoSuchBucket", 404},
		"upload":          {fails(404, "NoSuchUpload", "no"), writer.ErrNoSuchUpload, "NoSuchUpload", 404},
		"an unknown 404":  {fails(404, "Whatever", "no"), writer.ErrInvalid, "Whatever", 404},
		"key":             {fails(404, "NoSuchKey", "no"), writer.ErrNotFound, "NoSuchKey", 404},
		"precondition":    {fails(412, "PreconditionFailed", "no"), writer.ErrPrecondition, "PreconditionFailed", 412},
		"too large":       {fails(400, "EntityTooLarge", "no"), writer.ErrTooLarge, "EntityTooLarge", 400},
		"too small":       {fails(400, "EntityTooSmall", "no"), writer.ErrInvalid, "EntityTooSmall", 400},
		"archived":        {fails(403, "InvalidObjectState", "no"), writer.ErrArchived, "InvalidObjectState", 403},
		"quota":           {fails(403, "QuotaExceeded", "no"), writer.ErrQuota, "QuotaExceeded", 403},
		"no room":         {fails(507, "Whatever", "no"), writer.ErrQuota, "Whatever", 507},
		"no room, MinIO":  {fails(507, "XMinioStorageFull", "no"), writer.ErrQuota, "XMinioStorageFull", 507},
		"not implemented": {fails(405, "MethodNotAllowed", "no"), writer.ErrUnsupported, "MethodNotAllowed", 405},
		"moved":           {fails(301, "PermanentRedirect", "no"), writer.ErrInvalid, "PermanentRedirect", 301},
		"unauthorized":    {fails(401, "Whatever", "no"), writer.ErrCredentials, "Whatever", 401},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t, map[string][]answerTo{"AbortMultipartUpload": {c.answer}, "PutObject": {c.answer}})
			_, err := s.open(t, func(c *Config) { c.Checksum = writer.None }).PutObject(t.Context(), "k",
				writer.Attributes{}, writer.NewBody(writer.None, []byte("x")), writer.Condition{})
			var e *writer.StoreError
			if !errors.As(err, &e) {
				t.Fatal(err)
			}
			if e.Class != c.class || e.Code != c.code || e.Status != c.status || e.RequestID != "ID1" || e.Op != "put object" || e.Key != "k" {
				t.Errorf("%+v", e)
			}
			if want := "put object: " + c.code + ": no"; err.Error() != want {
				t.Errorf("reads %q, want %q", err, want)
			}
			if n := len(s.seen("PutObject")); n > hurried {
				t.Errorf("%d requests", n)
			} else if n != 1 && c.class != writer.ErrCredentials {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

// TestExpiredCredentialsAreReadAgain gives new keys each time it is asked.
func TestExpiredCredentialsAreReadAgain(t *testing.T) {
	for _, code := range []string{"ExpiredToken", "InvalidToken", "RequestExpired", "InvalidAccessKeyId", "SignatureDoesNotMatch"} {
		t.Run(code, func(t *testing.T) {
			s := newStub(t, map[string][]answerTo{
				"HeadObject": {says("", "ETag", `"e"`)},
				"UploadPart": {func(w http.ResponseWriter, r *request) {
					if strings.Contains(r.Header.Get("Authorization"), "Credential=key2/") {
						says("", "ETag", `"e"`)(w, r)
						return
					}
					fails(403, code, "")(w, r)
				}},
			})
			var reads atomic.Int32
			store := s.open(t, func(c *Config) {
				c.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
					return aws.Credentials{AccessKeyID: "key" + itoa(int(reads.Add(1))), SecretAccessKey: "s"}, nil
				})
			})
			if _, err := store.HeadObject(t.Context(), "k"); err != nil {
				t.Fatal(err)
			}
			if _, err := store.UploadPart(t.Context(), someUpload(), 1, someBody()); err != nil {
				t.Fatal(err)
			}
			s.count(t, "UploadPart", 2)
		})
	}
}

func TestCredentialsThatCannotBeHad(t *testing.T) {
	s := newStub(t, nil)
	store := s.open(t, func(c *Config) {
		c.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{}, errors.New("no role")
		})
	})
	_, err := store.HeadObject(t.Context(), "k")
	if !errors.Is(err, writer.ErrCredentials) || !strings.Contains(err.Error(), "no role") {
		t.Error(err)
	}
	s.count(t, "HeadObject", 0)
}

func TestContextEndsTheAttempts(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("unmounted")
	s := newStub(t, map[string][]answerTo{"UploadPart": {fails(500, "InternalError", ""), func(w http.ResponseWriter, r *request) {
		cancel(reason)
		fails(500, "InternalError", "")(w, r)
	}}})
	_, err := s.open(t).UploadPart(ctx, someUpload(), 1, someBody())
	var e *writer.StoreError
	if !errors.As(err, &e) || !errors.Is(err, reason) || e.Op != "upload part 1" {
		t.Errorf("%#v", err)
	}
	s.count(t, "UploadPart", 2)
}

func TestHeadersThatCannotBeSent(t *testing.T) {
	s := newStub(t, nil)
	attrs := writer.Attributes{Metadata: map[string]string{"a": "line\nbreak"}}
	_, err := s.open(t).PutObject(t.Context(), "k", attrs, someBody(), writer.Condition{})
	if !errors.Is(err, writer.ErrInvalid) {
		t.Error(err)
	}
	s.count(t, "PutObject", 0)
}

func TestHeadWithoutABody(t *testing.T) {
	for status, class := range map[int]error{404: writer.ErrNotFound, 403: writer.ErrAccess, 412: writer.ErrPrecondition, 400: writer.ErrInvalid} {
		s := newStub(t, map[string][]answerTo{"HeadObject": {fails(status, "", "")}})
		_, err := s.open(t).HeadObject(t.Context(), "k")
		if !errors.Is(err, class) {
			t.Errorf("%d is %v", status, err)
		}
	}
}

func TestObserver(t *testing.T) {
	var got []Attempt
	s := newStub(t, map[string][]answerTo{"UploadPart": {fails(503, "SlowDown", ""), cuts, says("", "ETag", `"e"`)}})
	store := s.open(t, func(c *Config) { c.Observe = func(a Attempt) { got = append(got, a) } })
	if _, err := store.UploadPart(t.Context(), someUpload(), 1, someBody()); err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 {
		t.Fatalf("%+v", got)
	}
	for i, want := range []Attempt{{Status: 503, Code: "SlowDown"}, {}, {Status: 200}} {
		a := got[i]
		if a.Operation != "UploadPart" || a.Key != someUpload().Key || a.Bytes != 12 || a.Duration <= 0 || a.Retry != i ||
			a.Status != want.Status || a.Code != want.Code || (a.Err == nil) != (i == 2) {
			t.Errorf("attempt %d: %+v", i, a)
		}
	}
}
