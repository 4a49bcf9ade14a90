package s3store

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/s3mpfs/s3mpfs/writer"
)

func itoa(n int) string { return strconv.Itoa(n) }

// roundTrip is a network in memory, so that time can be synctest's.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// inTime runs test on a store with that network and the real pauses.
func inTime(t *testing.T, network roundTrip, test func(t *testing.T, s *Store)) {
	cfg := testConfig(t, "http://store.test")
	cfg.Transport, cfg.newBackOff, cfg.RetryTimeout = network, nil, 0
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		test(t, s)
	})
}

// respond makes a response of a body.
func respond(r *http.Request, status int, body io.Reader, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(body), Request: r, ContentLength: -1}
}

// slowly reads a byte each pause.
type slowly struct {
	r     io.Reader
	pause time.Duration
}

func (s slowly) Read(p []byte) (int, error) {
	time.Sleep(s.pause)
	return s.r.Read(p[:1])
}

func elapsed(t *testing.T, start time.Time, low, high time.Duration) {
	t.Helper()
	if d := time.Since(start); d < low || d > high {
		t.Errorf("took %v, want between %v and %v", d, low, high)
	}
}

func TestRetriesForMinutesNotSeconds(t *testing.T) {
	attempts := 0
	network := func(r *http.Request) (*http.Response, error) {
		attempts++
		return respond(r, 503, strings.NewReader("<Error><Code>SlowDown</Code><Message>slow</Message></Error>")), nil
	}
	inTime(t, network, func(t *testing.T, s *Store) {
		start := time.Now()
		_, err := s.HeadObject(t.Context(), "k")
		elapsed(t, start, 9*time.Minute, 10*time.Minute)
		if !errors.Is(err, writer.ErrUnavailable) || !strings.Contains(err.Error(), "given up after") {
			t.Error(err)
		}
		if attempts < 35 || attempts > 150 {
			t.Errorf("%d attempts", attempts)
		}
	})
}

func TestSpoiltBytesAreSentATimesTen(t *testing.T) {
	attempts := 0
	network := func(r *http.Request) (*http.Response, error) {
		attempts++
		r.Body.Close()
		return respond(r, 400, strings.NewReader("<Error><Code>BadDigest</Code><Message>m</Message></Error>")), nil
	}
	inTime(t, network, func(t *testing.T, s *Store) {
		_, err := s.UploadPart(t.Context(), someUpload(), 1, someBody())
		if !errors.Is(err, writer.ErrChecksum) || attempts != patience {
			t.Errorf("%d attempts: %v", attempts, err)
		}
	})
}

func TestAnAnswerThatDoesNotComeIsAStall(t *testing.T) {
	attempts := 0
	network := func(r *http.Request) (*http.Response, error) {
		attempts++
		io.Copy(io.Discard, r.Body)
		r.Body.Close()
		if attempts == 1 {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		return respond(r, 200, strings.NewReader(""), "ETag", `"e"`), nil
	}
	inTime(t, network, func(t *testing.T, s *Store) {
		start := time.Now()
		if _, err := s.UploadPart(t.Context(), someUpload(), 1, someBody()); err != nil {
			t.Fatal(err)
		}
		elapsed(t, start, time.Minute, time.Minute+time.Second)
	})
}

// TestAnAnswerThatStopsIsAStall gives half of an object, and the rest when it
// is asked for again.
func TestAnAnswerThatStopsIsAStall(t *testing.T) {
	var ranges []string
	network := func(r *http.Request) (*http.Response, error) {
		asked := r.Header.Get("Range")
		ranges = append(ranges, asked)
		if len(ranges) > 1 {
			return respond(r, 206, strings.NewReader("fgh"), "Content-Range", "bytes 5-7/100"), nil
		}
		body := io.MultiReader(strings.NewReader("cde"), stopped{r})
		return respond(r, 206, body, "Content-Range", "bytes 2-7/100"), nil
	}
	inTime(t, network, func(t *testing.T, s *Store) {
		start, p := time.Now(), make([]byte, 6)
		err := s.ReadRange(t.Context(), writer.Object{Key: "k"}, 2, p[:2], p[2:])
		if err != nil || string(p) != "cdefgh" || ranges[0] != "bytes=2-7" || ranges[1] != "bytes=5-7" {
			t.Errorf("%q of %v: %v", p, ranges, err)
		}
		elapsed(t, start, 30*time.Second, 31*time.Second)
	})
}

// stopped gives nothing until its request ends.
type stopped struct{ r *http.Request }

func (s stopped) Read([]byte) (int, error) {
	<-s.r.Context().Done()
	return 0, s.r.Context().Err()
}

func TestABodyThatIsNotTakenIsAStall(t *testing.T) {
	attempts := 0
	network := func(r *http.Request) (*http.Response, error) {
		attempts++
		defer r.Body.Close()
		if attempts == 1 {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		return respond(r, 200, strings.NewReader(""), "ETag", `"e"`), nil
	}
	inTime(t, network, func(t *testing.T, s *Store) {
		start := time.Now()
		if _, err := s.UploadPart(t.Context(), someUpload(), 1, someBody()); err != nil {
			t.Fatal(err)
		}
		elapsed(t, start, 30*time.Second, 31*time.Second)
	})
}

func TestASlowRequestIsNoStall(t *testing.T) {
	network := func(r *http.Request) (*http.Response, error) {
		n, err := io.Copy(io.Discard, io.LimitReader(slowly{r.Body, 29 * time.Second}, 1<<20))
		r.Body.Close()
		if n != 12 || err != nil {
			return nil, err
		}
		time.Sleep(59 * time.Second)
		return respond(r, 200, slowly{strings.NewReader("    "), 29 * time.Second}, "ETag", `"e"`), nil
	}
	inTime(t, network, func(t *testing.T, s *Store) {
		start := time.Now()
		if _, err := s.UploadPart(t.Context(), someUpload(), 1, someBody()); err != nil {
			t.Fatal(err)
		}
		elapsed(t, start, 8*time.Minute, 11*time.Minute)
	})
}

func TestACompletionMayTakeMinutes(t *testing.T) {
	attempts := 0
	network := func(r *http.Request) (*http.Response, error) {
		attempts++
		time.Sleep(14 * time.Minute)
		body := io.MultiReader(slowly{strings.NewReader("     "), 14 * time.Minute}, strings.NewReader(completedXML))
		return respond(r, 200, body), nil
	}
	inTime(t, network, func(t *testing.T, s *Store) {
		_, err := s.CompleteMultipartUpload(t.Context(), someUpload(), nil, writer.Completion{})
		if err != nil || attempts != 1 {
			t.Errorf("%d attempts: %v", attempts, err)
		}
	})
}

// TestTheBodyIsNotReadAfterTheReturn answers before the body is read.
func TestTheBodyIsNotReadAfterTheReturn(t *testing.T) {
	closed := false
	network := func(r *http.Request) (*http.Response, error) {
		go func() {
			<-r.Context().Done()
			time.Sleep(time.Second)
			closed = true
			r.Body.Close()
		}()
		return respond(r, 403, strings.NewReader("<Error><Code>AccessDenied</Code></Error>")), nil
	}
	inTime(t, network, func(t *testing.T, s *Store) {
		_, err := s.UploadPart(t.Context(), someUpload(), 1, someBody())
		if !errors.Is(err, writer.ErrAccess) || !closed {
			t.Errorf("closed: %v; %v", closed, err)
		}
	})
}
