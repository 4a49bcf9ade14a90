package faultproxy

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/s3mpfs/s3mpfs/internal/s3op"
	"github.com/s3mpfs/s3mpfs/internal/s3server"
)

// TestSignaturesHold sends signed requests for odd keys through the proxy to a
// server that verifies them.
func TestSignaturesHold(t *testing.T) {
	server := s3server.Start(t)
	bucket := server.NewBucket(t)
	p, err := Start(server.Endpoint, Rule{Operation: s3op.PutObject, Key: "corrupt", Action: Corrupt, Bytes: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	through := *server
	through.Endpoint = p.URL()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := through.Client()
	put := func(key string) error {
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: &bucket.Name, Key: &key, Body: bytes.NewReader([]byte("hello")),
		}, func(o *s3.Options) { o.HTTPClient = &http.Client{Transport: transport}; o.RetryMaxAttempts = 1 })
		return err
	}
	for _, key := range []string{"plain", "a b+c%2F/ü&=?#", "new\nline", "~(')*!"} {
		if err := put(key); err != nil {
			t.Errorf("%q: %v", key, err)
		} else if got := bucket.Bytes(t, key); string(got) != "hello" {
			t.Errorf("%q holds %q", key, got)
		}
	}
	if err := put("corrupt"); err == nil {
		t.Error("the server took a body that was damaged on the way")
	}
	if err := put("corrupt"); err != nil {
		t.Error(err)
	}
}
