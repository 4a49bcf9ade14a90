package s3store

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/s3mpfs/s3mpfs/writer"
)

func TestCheckSaysWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		answer answerTo
		want   string
	}{
		"bucket":        {fails(404, "NoSuchBucket", "m"), `no bucket "bucket"`},
		"permission":    {fails(403, "AccessDenied", "m"), "s3:ListBucket"},
		"key":           {fails(403, "InvalidAccessKeyId", "m"), "access key"},
		"secret":        {fails(403, "SignatureDoesNotMatch", "m"), "secret access key"},
		"clock":         {fails(403, "RequestTimeTooSkewed", "m"), "clock"},
		"token":         {fails(400, "ExpiredToken", "m"), "expired"},
		"region":        {fails(301, "PermanentRedirect", "m"), "--region"},
		"not S3":        {says("<html></html>", "Content-Type", "text/html"), "--endpoint-url"},
		"not S3 at all": {fails(404, "Whatever", "m"), "--endpoint-url"},
		"down":          {fails(503, "SlowDown", "m"), "does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t, map[string][]answerTo{"ListObjectsV2": {c.answer}})
			err := s.open(t).Check(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v does not say %q", err, c.want)
			}
			if n := len(s.seen("ListObjectsV2")); n > hurried {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestCheckOfAPublicBucketThatIsNone(t *testing.T) {
	s := newStub(t, map[string][]answerTo{"ListObjectsV2": {fails(403, "AccessDenied", "m")}})
	err := s.open(t, func(c *Config) { c.NoSignRequest = true }).Check(t.Context())
	if err == nil || !strings.Contains(err.Error(), "--no-sign-request") {
		t.Error(err)
	}
	if r := s.seen("ListObjectsV2")[0]; r.Header.Get("Authorization") != "" {
		t.Error("the request was signed")
	}
}

// TestCheckFollowsTheBucketToItsRegion has a store that is served for one
// region only, and says so in each of the ways there are.
func TestCheckFollowsTheBucketToItsRegion(t *testing.T) {
	header := func(w http.ResponseWriter, r *request) {
		w.Header().Set("X-Amz-Bucket-Region", "eu-west-3")
		fails(301, "PermanentRedirect", "m")(w, r)
	}
	message := fails(400, "AuthorizationHeaderMalformed", "The region 'us-east-1' is wrong; expecting 'eu-west-3'")
	for name, refusal := range map[string]answerTo{"header": header, "message": message} {
		s := newStub(t, map[string][]answerTo{"ListObjectsV2": {func(w http.ResponseWriter, r *request) {
			if !strings.Contains(r.Header.Get("Authorization"), "/eu-west-3/s3/") {
				refusal(w, r)
				return
			}
			says(emptyListXML)(w, r)
		}}})
		store := s.open(t)
		if err := store.Check(t.Context()); err != nil || store.Region() != "eu-west-3" {
			t.Errorf("%s: region %s: %v", name, store.Region(), err)
		}
		s.count(t, "ListObjectsV2", 2)
	}
}

// checkOn checks a store whose network is given.
func checkOn(t *testing.T, endpoint string, network http.RoundTripper) (attempts int, err error) {
	cfg := testConfig(t, endpoint)
	cfg.Transport, cfg.Observe = network, func(Attempt) { attempts++ }
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return attempts, s.Check(t.Context())
}

func TestCheckDoesNotWaitForWhatIsNotThere(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	untrusted := httptest.NewUnstartedServer(nil)
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	defer untrusted.Close()
	plain := httptest.NewServer(nil)
	defer plain.Close()
	unknown := roundTrip(func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Name: "nowhere.test", Err: "no such host", IsNotFound: true}}
	})
	for name, c := range map[string]struct {
		endpoint string
		network  http.RoundTripper
		want     string
	}{
		"refused":   {closed.URL, nil, "Nothing answers at " + closed.URL},
		"untrusted": {untrusted.URL, nil, "AWS_CA_BUNDLE"},
		"no TLS":    {strings.Replace(plain.URL, "http", "https", 1), nil, "with http://"},
		"unknown":   {"http://nowhere.test", unknown, "nowhere.test cannot be resolved"},
	} {
		attempts, err := checkOn(t, c.endpoint, c.network)
		if !errors.Is(err, writer.ErrUnavailable) || !strings.Contains(err.Error(), c.want) || attempts > hurried {
			t.Errorf("%s, %d attempts: %v", name, attempts, err)
		}
	}
}

func TestARefusedConnectionPassesOnceTheStoreHasAnswered(t *testing.T) {
	refused := 0
	s := newStub(t, map[string][]answerTo{"HeadObject": {head(`"e"`)}})
	store := s.open(t, func(c *Config) {
		real := newTransport(nil, 1)
		c.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			if refused > 0 {
				refused--
				return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
			}
			return real.RoundTrip(r)
		})
	})
	refused = 1000
	if _, err := store.HeadObject(t.Context(), "k"); !errors.Is(err, writer.ErrUnavailable) || refused != 1000-hurried {
		t.Errorf("%d attempts at a store that never answered: %v", 1000-refused, err)
	}
	refused = 0
	if _, err := store.HeadObject(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	refused = 100
	if _, err := store.HeadObject(t.Context(), "k"); err != nil {
		t.Error(err)
	}
}

func TestOpenFindsTheRegionOfABucketAtAmazon(t *testing.T) {
	cfg := testConfig(t, "")
	cfg.Region = ""
	t.Setenv("AWS_REGION", "")
	var hosts []string
	cfg.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		hosts = append(hosts, r.Method+" "+r.URL.Host)
		if r.Method == http.MethodHead {
			return respond(r, 301, strings.NewReader(""), "X-Amz-Bucket-Region", "ap-south-1"), nil
		}
		return respond(r, 200, strings.NewReader(emptyListXML)), nil
	})
	s, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if len(hosts) != 2 || hosts[0] != "HEAD bucket.s3.us-east-1.amazonaws.com" || hosts[1] != "GET bucket.s3.ap-south-1.amazonaws.com" {
		t.Errorf("asked %v", hosts)
	}
}

func TestAddressing(t *testing.T) {
	for endpoint, want := range map[string]bool{
		"http://127.0.0.1:9000": true, "https://s3.eu-west-1.amazonaws.com": false, "https://minio.test": true,
		"https://oss-cn-beijing.aliyuncs.com": false, "https://cos.ap-beijing.myqcloud.com": false,
	} {
		s, err := Open(t.Context(), testConfig(t, endpoint))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.client.Load().Options().UsePathStyle; got != want {
			t.Errorf("%s: path style %v, want %v", endpoint, got, want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, endpoint := range []string{"localhost:9000", "ftp://x", "http://", "::"} {
		if _, err := Open(t.Context(), testConfig(t, endpoint)); err == nil || !strings.Contains(err.Error(), "https://HOST") {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
	cfg := testConfig(t, "")
	cfg.Bucket = ""
	if _, err := Open(t.Context(), cfg); err == nil {
		t.Error("no bucket is taken")
	}
	cfg = testConfig(t, "")
	cfg.Profile = "absent"
	if _, err := Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("an unknown profile: %v", err)
	}
}

// TestTheSharedFileIsReadAgain replaces the keys while the store is open.
func TestTheSharedFileIsReadAgain(t *testing.T) {
	s := newStub(t, map[string][]answerTo{"HeadObject": {func(w http.ResponseWriter, r *request) {
		if strings.Contains(r.Header.Get("Authorization"), "Credential=new/") {
			head(`"e"`)(w, r)
			return
		}
		fails(403, "", "")(w, r)
	}}, "ListObjectsV2": {says(emptyListXML), fails(400, "ExpiredToken", ""), says(emptyListXML)}})
	store := s.open(t, func(c *Config) { c.Credentials = nil })
	t.Setenv("AWS_ACCESS_KEY_ID", "old")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	if err := store.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "new")
	if _, _, _, err := store.List(t.Context(), "", "", "", 1); err != nil {
		t.Fatal(err)
	}
	if _, err := store.HeadObject(t.Context(), "k"); err != nil {
		t.Error(err)
	}
}
