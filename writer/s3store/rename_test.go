package s3store

import (
	"errors"
	"testing"

	"github.com/s3mpfs/s3mpfs/writer"
)

// sessionXML answers CreateSession, which precedes what a directory bucket is
// asked.
const sessionXML = `<CreateSessionResult><Credentials><SessionToken>t</SessionToken><SecretAccessKey>s</SecretAccessKey>` +
	`<AccessKeyId>k</AccessKeyId><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></CreateSessionResult>`

// TestRenameObject asks only directory buckets, under one token for all
// attempts, so that one whose answer was lost is not refused when it is made
// again.
func TestRenameObject(t *testing.T) {
	s := newStub(t, map[string][]answerTo{
		"RenameObject":  {cuts, says("")},
		"CreateSession": {says(sessionXML)},
	})
	src := writer.Object{Key: "a b+ü/c", ETag: `"e"`}
	if err := s.open(t).RenameObject(t.Context(), src, "k", writer.Condition{}); !errors.Is(err, writer.ErrUnsupported) {
		t.Errorf("a general purpose bucket: %v", err)
	}
	s.count(t, "RenameObject", 0)
	store := s.open(t, func(c *Config) { c.Bucket = "b--use1-az4--x-s3" })
	if err := store.RenameObject(t.Context(), src, "k", writer.Condition{IfNoneMatch: true}); err != nil {
		t.Fatal(err)
	}
	sent := s.seen("RenameObject")
	for _, r := range sent {
		for header, want := range map[string]string{
			"X-Amz-Rename-Source": "a%20b%2B%C3%BC/c", "X-Amz-Rename-Source-If-Match": `"e"`, "If-None-Match": "*",
			"X-Amz-Client-Token": sent[0].Header.Get("X-Amz-Client-Token"),
		} {
			if got := r.Header.Get(header); got != want || got == "" {
				t.Errorf("%s is %q, want %q", header, got, want)
			}
		}
	}
	s.count(t, "RenameObject", 2)
}
