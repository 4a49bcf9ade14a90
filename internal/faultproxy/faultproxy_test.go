package faultproxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// backend answers every request with its body and remembers what it saw.
type backend struct {
	requests atomic.Int64 // that arrived whole
	target   atomic.Pointer[string]
	host     atomic.Pointer[string]
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	b.requests.Add(1)
	b.target.Store(&r.RequestURI)
	b.host.Store(&r.Host)
	w.Write(body)
}

type fixture struct {
	*testing.T
	*Proxy
	backend *backend
	client  *http.Client
}

func newFixture(t *testing.T, rules ...Rule) *fixture {
	b := &backend{}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	p, err := Start(server.URL, rules...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &fixture{t, p, b, &http.Client{Transport: transport}}
}

// do sends a request through the proxy and gives the status and the body.
func (f *fixture) do(method, target, body string) (int, string, error) {
	r, err := http.NewRequestWithContext(f.Context(), method, f.URL()+target, strings.NewReader(body))
	if err != nil {
		f.Fatal(err)
	}
	answer, err := f.client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(got), err
}

// passes verifies that a PUT of body gets through unchanged.
func (f *fixture) passes(body string) {
	f.Helper()
	if status, got, err := f.do("PUT", "/bucket/key", body); status != 200 || got != body || err != nil {
		f.Fatalf("status %d, %d bytes, %v", status, len(got), err)
	}
}

func TestPassesUnchanged(t *testing.T) {
	f := newFixture(t)
	for _, target := range []string{"/b/a//b", "/b/a%2Fb%20c+d", "/b/%2B%25?x-id=PutObject&a=b;c", "/b/..%2F..?uploads"} {
		if _, _, err := f.do("PUT", target, "x"); err != nil {
			t.Fatal(err)
		}
		if got := *f.backend.target.Load(); got != target {
			t.Errorf("the server saw %s, want %s", got, target)
		}
		if got := "http://" + *f.backend.host.Load(); got != f.URL() {
			t.Errorf("the server saw the host %s, want %s", got, f.URL())
		}
	}
}

func TestCounts(t *testing.T) {
	f := newFixture(t, Rule{Operation: s3op.GetObject, Action: Answer, Status: 503, Code: "SlowDown"})
	f.passes(strings.Repeat("x", 1<<20))
	f.passes("y")
	f.do("GET", "/bucket/key", "")
	want := map[string]Count{
		s3op.PutObject: {2, 1<<20 + 1, 1<<20 + 1},
		s3op.GetObject: {1, 0, 0},
	}
	if got := f.Counts(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	f.ResetCounts()
	if got := f.Counts(); len(got) != 0 {
		t.Errorf("%+v after the reset", got)
	}
}

func TestAnswer(t *testing.T) {
	for _, status := range []int{200, 400, 403, 404, 409, 412, 500, 503} {
		f := newFixture(t, Rule{Action: Answer, Status: status, Code: "SomeCode"})
		got, body, err := f.do("PUT", "/bucket/key", strings.Repeat("x", 3<<20))
		if got != status || !strings.Contains(body, "<Error><Code>SomeCode</Code>") || err != nil {
			t.Errorf("status %d, %q, %v", got, body, err)
		}
		if n := f.backend.requests.Load(); n != 0 {
			t.Errorf("the server saw %d requests", n)
		}
		f.passes("again")
	}
}

// TestBroken has every action that breaks the line do so, and the next request
// pass.
func TestBroken(t *testing.T) {
	body := strings.Repeat("x", 1<<20)
	for _, c := range []struct {
		rule Rule
		acts int64 // requests that arrive at the server
	}{
		{Rule{Action: CutRequest, Bytes: 0}, 0},
		{Rule{Action: CutRequest, Bytes: 500_000}, 0},
		{Rule{Action: CutAnswer, Bytes: 0}, 1},
		{Rule{Action: CutAnswer, Bytes: 500_000}, 1},
		{Rule{Action: DropAnswer}, 1},
	} {
		t.Run(string(c.rule.Action), func(t *testing.T) {
			f := newFixture(t, c.rule)
			_, got, err := f.do("PUT", "/bucket/key", body)
			if err == nil {
				t.Fatal("the request succeeds")
			}
			if c.rule.Action == CutAnswer && int64(len(got)) != c.rule.Bytes {
				t.Errorf("%d bytes arrive, want %d", len(got), c.rule.Bytes)
			}
			if n := f.backend.requests.Load(); n != c.acts {
				t.Errorf("%d requests arrived, want %d", n, c.acts)
			}
			f.passes(body)
		})
	}
}

func TestCorrupt(t *testing.T) {
	f := newFixture(t, Rule{Action: Corrupt, Bytes: 700_000})
	sent := bytes.Repeat([]byte("x"), 1<<20)
	_, got, err := f.do("PUT", "/bucket/key", string(sent))
	if err != nil {
		t.Fatal(err)
	}
	sent[700_000] ^= 0xff
	if got != string(sent) {
		t.Error("other bytes than that one are damaged")
	}
	f.passes(string(sent))
}

func TestDelay(t *testing.T) {
	const wait = 50 * time.Millisecond
	f := newFixture(t, Rule{Action: Delay, Wait: wait})
	begun := time.Now()
	f.passes("x")
	if took := time.Since(begun); took < wait {
		t.Errorf("took %v", took)
	}
}

func TestHold(t *testing.T) {
	f := newFixture(t, Rule{Action: Hold, Key: "key"})
	done := make(chan error)
	go func() {
		_, _, err := f.do("PUT", "/bucket/key", "x")
		done <- err
	}()
	if err := f.AwaitStruck(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.do("PUT", "/bucket/other", "y"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-done:
		t.Error("it is not held")
	default:
	}
	f.Release()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAwaitStruckEnds(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.AwaitStruck(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestRefuse(t *testing.T) {
	f := newFixture(t, Rule{Action: Refuse, Wait: 100 * time.Millisecond})
	if _, _, err := f.do("PUT", "/bucket/key", "x"); err == nil {
		t.Fatal("the connection lives")
	}
	if _, _, err := f.do("PUT", "/bucket/key", "x"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("%v, want the connection refused", err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		_, _, err := f.do("PUT", "/bucket/key", "x")
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	f.Refuse(time.Hour)
	f.Refuse(time.Hour)
	f.client.CloseIdleConnections() // which would tell of their end first
	if _, _, err := f.do("PUT", "/bucket/key", "x"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("%v, want the connection refused", err)
	}
}

// TestResume ends an outage before its time, and no later one.
func TestResume(t *testing.T) {
	f := newFixture(t)
	for range 2 {
		f.Refuse(time.Hour)
		f.Resume()
		for deadline := time.Now().Add(10 * time.Second); ; {
			_, _, err := f.do("PUT", "/bucket/key", "x")
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
	}
	f.Refuse(time.Hour)
	f.client.CloseIdleConnections()
	if _, _, err := f.do("PUT", "/bucket/key", "x"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("%v, want the connection refused", err)
	}
}

func TestExpire(t *testing.T) {
	f := newFixture(t, Rule{Times: Always, Action: Expire})
	for token, want := range map[string]int{
		"": 200, "another": 200,
		SessionToken(time.Now().Add(time.Hour)):    200,
		SessionToken(time.Now().Add(-time.Second)): 400,
	} {
		r, err := http.NewRequestWithContext(t.Context(), "PUT", f.URL()+"/bucket/key", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Security-Token", token)
		answer, err := f.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%q: status %d, want %d", token, answer.StatusCode, want)
		}
	}
}

func TestWhichRequests(t *testing.T) {
	f := newFixture(t,
		Rule{Operation: s3op.PutObject, Key: "a", Nth: 2, Times: 2, Action: Answer, Status: 500},
		Rule{Operation: s3op.PutObject, Key: "ab", Times: Always, Action: Answer, Status: 503},
	)
	for i, c := range []struct {
		method, key string
		want        int
	}{
		{"PUT", "a", 200}, {"GET", "a", 200}, {"PUT", "b", 200}, {"PUT", "xa", 500}, {"PUT", "abc", 500},
		{"PUT", "a", 200}, {"PUT", "abc", 503}, {"PUT", "abc", 503},
	} {
		if got, _, err := f.do(c.method, "/bucket/"+c.key, ""); got != c.want || err != nil {
			t.Errorf("request %d: %d, %v, want %d", i, got, err, c.want)
		}
	}
	if n, first, second := f.Struck(), f.StruckBy(0), f.StruckBy(1); n != 4 || first != 2 || second != 2 {
		t.Errorf("%d requests were struck: %d and %d", n, first, second)
	}
	f.Set(Rule{Operation: s3op.ListObjectsV2, Key: "dir/", Action: Answer, Status: 500})
	if got, _, err := f.do("GET", "/bucket?list-type=2&prefix=dir%2F", ""); got != 500 || err != nil {
		t.Errorf("a listing: %d, %v", got, err)
	}
	f.Set()
	if got, _, err := f.do("PUT", "/bucket/abc", ""); got != 200 || err != nil {
		t.Errorf("without rules: %d, %v", got, err)
	}
}

func TestRulesAreData(t *testing.T) {
	want := []Rule{
		{Operation: s3op.UploadPart, Key: "k", Nth: 3, Times: Always, Action: Answer, Status: 503, Code: "SlowDown"},
		{Action: Delay, Wait: time.Second}, {Action: CutAnswer, Bytes: 7},
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got []Rule
	if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%s became %+v, %v", text, got, err)
	}
}

func TestUnknownAction(t *testing.T) {
	f := newFixture(t)
	defer func() {
		if recover() == nil {
			t.Error("taken")
		}
	}()
	f.Set(Rule{Action: "explode"})
}
