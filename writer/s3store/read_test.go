package s3store

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/s3mpfs/s3mpfs/writer"
)

const alphabet = "abcdefghijklmnopqrstuvwxyz"

// serveRange answers a ranged GET of the alphabet, and drops the connection
// after n bytes where n is not negative.
func serveRange(n int) answerTo {
	return func(w http.ResponseWriter, r *request) {
		var first, last int
		fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &first, &last)
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/26", first, last))
		w.Header().Set("Content-Length", itoa(last-first+1))
		w.WriteHeader(http.StatusPartialContent)
		text := alphabet[first : last+1]
		if n < 0 {
			w.Write([]byte(text))
			return
		}
		w.Write([]byte(text[:n]))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

func TestAReadThatIsCutAsksForTheRest(t *testing.T) {
	s := newStub(t, map[string][]answerTo{"GetObject": {serveRange(3), serveRange(0), cuts, serveRange(4), serveRange(-1)}})
	var bytes int64
	store := s.open(t, func(c *Config) { c.Observe = func(a Attempt) { bytes += a.Bytes } })
	p := make([]byte, 20)
	err := store.ReadRange(t.Context(), writer.Object{Key: "k", ETag: `"e"`}, 2, p[:1], p[1:5], p[5:5], p[5:])
	if err != nil || string(p) != alphabet[2:22] || bytes != 20 {
		t.Fatalf("%q, %d bytes counted: %v", p, bytes, err)
	}
	for i, want := range []string{"bytes=2-21", "bytes=5-21", "bytes=5-21", "bytes=5-21", "bytes=9-21"} {
		r := s.seen("GetObject")[i]
		if r.Header.Get("Range") != want || r.Header.Get("If-Match") != `"e"` {
			t.Errorf("request %d: %v, want the range %s", i, r.Header, want)
		}
	}
}

// TestAConnectionThatEndsIsNotTheEndOfTheFile: io.EOF would mean that.
func TestAConnectionThatEndsIsNotTheEndOfTheFile(t *testing.T) {
	for name, answer := range map[string]answerTo{
		"without an answer": cuts,
		"without the body":  func(w http.ResponseWriter, _ *request) { w.WriteHeader(http.StatusBadGateway) },
	} {
		s := newStub(t, map[string][]answerTo{"GetObject": {answer}})
		store := s.open(t, func(c *Config) { c.RetryTimeout = time.Nanosecond })
		err := store.ReadRange(t.Context(), writer.Object{Key: "k"}, 0, make([]byte, 10))
		if err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAnswersOfSomethingOnTheWay: a proxy's page is no object, and no success.
func TestAnswersOfSomethingOnTheWay(t *testing.T) {
	page := says("<html>a page that is longer than what was asked for</html>")
	s := newStub(t, map[string][]answerTo{"GetObject": {page}, "HeadObject": {page}, "PutObject": {page}})
	store := s.open(t, func(c *Config) { c.RetryTimeout = time.Nanosecond })
	if err := store.ReadRange(t.Context(), writer.Object{Key: "k", ETag: `"e"`}, 0, make([]byte, 10)); err == nil {
		t.Error("the page is read as the object")
	}
	if o, err := store.HeadObject(t.Context(), "k"); err == nil {
		t.Errorf("the page is taken for the object %+v", o)
	}
	if o, err := store.PutObject(t.Context(), "k", writer.Attributes{}, someBody(), writer.Condition{}); err == nil {
		t.Errorf("the page is taken for the object %+v", o)
	}
}

// TestADeletionWithoutAnAnswer is decided by the object.
func TestADeletionWithoutAnAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		head answerTo
		gone bool
	}{
		"gone":    {fails(404, "NotFound", ""), true},
		"there":   {says("", "ETag", `"e"`), false},
		"no tell": {fails(403, "AccessDenied", ""), false},
	} {
		s := newStub(t, map[string][]answerTo{"DeleteObject": {cuts}, "HeadObject": {c.head}})
		store := s.open(t, func(c *Config) { c.RetryTimeout = time.Nanosecond })
		if err := store.DeleteObject(t.Context(), "k"); (err == nil) != c.gone {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAReadUsesTheConnectionAgain(t *testing.T) {
	connections := map[string]bool{}
	s := newStub(t, map[string][]answerTo{"GetObject": {func(w http.ResponseWriter, r *request) {
		connections[r.RemoteAddr] = true
		serveRange(-1)(w, r)
	}}})
	store := s.open(t)
	for range 5 {
		if err := store.ReadRange(t.Context(), writer.Object{Key: "k"}, 0, make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
	}
	if len(connections) != 1 {
		t.Errorf("%d connections for 5 reads", len(connections))
	}
}

func TestAnswersThatAreNotTheRange(t *testing.T) {
	for name, c := range map[string]struct {
		answer answerTo
		want   error
	}{
		"replaced":        {fails(412, "PreconditionFailed", ""), writer.ErrPrecondition},
		"gone":            {fails(404, "NoSuchKey", ""), writer.ErrNotFound},
		"beyond the end":  {fails(416, "InvalidRange", ""), writer.ErrInvalid},
		"archived":        {fails(403, "InvalidObjectState", ""), writer.ErrArchived},
		"no range at all": {says(alphabet), writer.ErrInvalid},
		"another range": {func(w http.ResponseWriter, r *request) {
			w.Header().Set("Content-Range", "bytes 1-5/26")
			w.WriteHeader(http.StatusPartialContent)
			w.Write([]byte("bcdef"))
		}, writer.ErrInvalid},
		"less": {func(w http.ResponseWriter, r *request) {
			w.Header().Set("Content-Range", "bytes 2-5/26")
			w.WriteHeader(http.StatusPartialContent)
			w.Write([]byte("cdef"))
		}, writer.ErrInvalid},
		"of another size": {func(w http.ResponseWriter, r *request) {
			w.Header().Set("Content-Range", "bytes 2-5/6")
			w.WriteHeader(http.StatusPartialContent)
			w.Write([]byte("cdef"))
		}, writer.ErrPrecondition},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t, map[string][]answerTo{"GetObject": {c.answer}})
			err := s.open(t).ReadRange(t.Context(), writer.Object{Key: "k", ETag: `"e"`, Size: 26}, 2, make([]byte, 10))
			if !errors.Is(err, c.want) {
				t.Error(err)
			}
			s.count(t, "GetObject", 1)
		})
	}
}

func TestAStoreWithoutRangesServesFromTheStart(t *testing.T) {
	s := newStub(t, map[string][]answerTo{"GetObject": {says(alphabet, "ETag", `"e"`)}})
	p := make([]byte, 10)
	if err := s.open(t).ReadRange(t.Context(), writer.Object{Key: "k"}, 0, p); err != nil || string(p) != alphabet[:10] {
		t.Errorf("%q, %v", p, err)
	}
}

// serveWhole answers with text as the whole object, whose checksum is that of
// the alphabet.
func serveWhole(text string, cut bool) answerTo {
	return func(w http.ResponseWriter, r *request) {
		if r.Header.Get("X-Amz-Checksum-Mode") == "ENABLED" {
			w.Header().Set("X-Amz-Checksum-Crc64nvme", sumOf(writer.CRC64NVME, alphabet).Base64())
			w.Header().Set("X-Amz-Checksum-Type", "FULL_OBJECT")
		}
		w.Header().Set("ETag", `"e"`)
		w.Header().Set("Content-Length", itoa(len(alphabet)))
		w.Write([]byte(text))
		if cut {
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
	}
}

func sumOf(a writer.Algorithm, text string) writer.Checksum {
	return writer.Checksum{Algorithm: a, Value: a.Update(0, []byte(text))}
}

// TestAStoreThatMisleads about checksums is believed about bytes, with a warning.
func TestAStoreThatMisleads(t *testing.T) {
	const other = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	s := newStub(t, map[string][]answerTo{"GetObject": {serveWhole(other, false)}})
	store := s.open(t)
	for range 2 {
		p := make([]byte, 26)
		if err := store.ReadRange(t.Context(), writer.Object{Key: "k", ETag: `"e"`, Size: 26}, 0, p); err != nil || string(p) != other {
			t.Errorf("%q, %v", p, err)
		}
	}
	s.count(t, "GetObject", 3)
	if strings.Count(s.log.String(), "not compared any more") != 1 {
		t.Errorf("log: %s", &s.log)
	}
}

// TestAnObjectReadWholeIsCompared with its checksum, also where it came in two
// answers, and is read again where they differ.
func TestAnObjectReadWholeIsCompared(t *testing.T) {
	const spoilt = "abcdefghijklmnopqrstuvwxyZ"
	for name, c := range map[string]struct {
		answers  []answerTo
		requests int
	}{
		"well":           {[]answerTo{serveWhole(alphabet, false)}, 1},
		"spoilt once":    {[]answerTo{serveWhole(spoilt, false), serveWhole(alphabet, false)}, 2},
		"spoilt and cut": {[]answerTo{serveWhole("aBc", true), serveRange(-1), serveWhole(alphabet, false)}, 3},
		"spoilt twice":   {[]answerTo{serveWhole(spoilt, false), serveWhole("A"+alphabet[1:], false), serveWhole(alphabet, false)}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t, map[string][]answerTo{"GetObject": c.answers})
			var received int64
			store := s.open(t, func(c *Config) { c.Observe = func(a Attempt) { received += a.Bytes } })
			p := make([]byte, 26)
			err := store.ReadRange(t.Context(), writer.Object{Key: "k", ETag: `"e"`, Size: 26}, 0, p[:5], p[5:])
			if err != nil || string(p) != alphabet {
				t.Errorf("%q, %v", p, err)
			}
			s.count(t, "GetObject", c.requests)
			if received < 26 {
				t.Errorf("%d bytes counted", received)
			}
		})
	}
}
