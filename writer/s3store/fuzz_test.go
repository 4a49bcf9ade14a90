package s3store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/s3mpfs/s3mpfs/writer"
)

// hostile answers every request with the same bytes.
type hostile struct {
	status int
	header http.Header
	body   []byte
}

func (h hostile) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
	return &http.Response{
		StatusCode: h.status, ProtoMajor: 1, ProtoMinor: 1, Header: h.header.Clone(), Request: r,
		Body: io.NopCloser(bytes.NewReader(h.body)), ContentLength: int64(len(h.body)),
	}, nil
}

// headerOf reads lines of "Name: value".
func headerOf(text string) http.Header {
	h := http.Header{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			h.Add(name, value)
		}
	}
	return h
}

// FuzzAnswers gives every operation an answer of a hostile server. Each ends,
// and what it tells is possible: no success without an ETag, no key outside of
// what was asked for, no size below zero.
func FuzzAnswers(f *testing.F) {
	for _, body := range []string{
		"", createdXML, completedXML, copiedXML, partXML, emptyListXML, "<Error><Code>NoSuchKey</Code></Error>", "<html>",
		`<ListBucketResult><Name>b</Name><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>` +
			`<Contents><Key>x</Key><Size>-1</Size></Contents><CommonPrefixes><Prefix>/</Prefix></CommonPrefixes></ListBucketResult>`,
		`<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker><Upload><Key>dir/k</Key></Upload></ListMultipartUploadsResult>`,
		`<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>1</NextPartNumberMarker><Part><PartNumber>1</PartNumber></Part></ListPartsResult>`,
	} {
		f.Add(uint16(0), "ETag: \"e\"", []byte(body))
		f.Add(uint16(6), "Content-Range: bytes 0-9/10", []byte(body))
		f.Add(uint16(204), "X-Amz-Bucket-Region: eu-west-1\nLocation: http://elsewhere/", []byte(body))
	}
	f.Fuzz(func(t *testing.T, status uint16, header string, body []byte) {
		s := againstHostile(t, hostile{200 + int(status)%400, headerOf(header), body})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		checkListings(ctx, t, s)
		checkChanges(ctx, t, s)
		if ctx.Err() != nil {
			t.Error("it does not end")
		}
	})
}

func againstHostile(t *testing.T, h hostile) *Store {
	cfg := testConfig(t, "http://hostile.example")
	cfg.Transport, cfg.RetryTimeout = h, time.Nanosecond
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func checkListings(ctx context.Context, t *testing.T, s *Store) {
	objects, prefixes, _, _ := s.List(ctx, "dir/", "/", "t", 10)
	for _, o := range objects {
		if !strings.HasPrefix(o.Key, "dir/") || o.Size < 0 {
			t.Errorf("listed: %+v", o)
		}
	}
	for _, p := range prefixes {
		if !strings.HasPrefix(p, "dir/") || p == "dir/" {
			t.Errorf("listed: %q", p)
		}
	}
	uploads, _ := s.ListUploads(ctx, "dir/")
	for _, u := range uploads {
		if !strings.HasPrefix(u.Key, "dir/") {
			t.Errorf("listed: %+v", u)
		}
	}
	parts, _ := s.ListParts(ctx, someUpload())
	for i, p := range parts {
		if p.Size < 0 || p.Number < 1 || i > 0 && p.Number <= parts[i-1].Number {
			t.Errorf("listed: %+v", parts)
		}
	}
	_, _ = s.AbortsUploadsAfter(ctx, "dir/")
}

func checkChanges(ctx context.Context, t *testing.T, s *Store) {
	made := func(what string, o writer.Object, err error) {
		if err == nil && o.ETag == "" || errors.Is(err, io.EOF) {
			t.Errorf("%s: %+v, %v", what, o, err)
		}
	}
	o, err := s.PutObject(ctx, "k", writer.Attributes{}, someBody(), writer.Condition{IfMatch: `"e"`})
	made("put", o, err)
	o, err = s.CopyObject(ctx, writer.Object{Key: "a", ETag: `"e"`}, "k", writer.Attributes{}, writer.Condition{})
	made("copy", o, err)
	o, err = s.CompleteMultipartUpload(ctx, someUpload(), []writer.Part{{Number: 1, ETag: `"p"`}}, writer.Completion{Size: 12})
	made("complete", o, err)
	if u, err := s.CreateMultipartUpload(ctx, "k", writer.Attributes{}, writer.Condition{}); err == nil && u.ID == "" {
		t.Error("an upload without an ID")
	}
	if p, err := s.UploadPart(ctx, someUpload(), 1, someBody()); err == nil && p.ETag == "" {
		t.Errorf("%+v", p)
	}
	if p, err := s.UploadPartCopy(ctx, someUpload(), 1, writer.Object{Key: "a", Size: 100}, 0, 10); err == nil && p.ETag == "" {
		t.Errorf("%+v", p)
	}
	if o, err := s.HeadObject(ctx, "k"); err == nil && o.Size < 0 {
		t.Errorf("%+v", o)
	}
	if err := s.ReadRange(ctx, writer.Object{Key: "k"}, 0, make([]byte, 10)); errors.Is(err, io.EOF) {
		t.Error(err)
	}
	_ = s.AbortMultipartUpload(ctx, someUpload())
	_ = s.DeleteObject(ctx, "k")
}
