package s3store

import (
	"errors"
	"strings"
	"testing"

	"github.com/s3mpfs/s3mpfs/writer"
)

// TestMark: what has metadata of its own gets a CRC32C, and nothing else.
func TestMark(t *testing.T) {
	for name, c := range map[string]struct {
		metadata map[string]string
		marked   bool
	}{
		"none":        {nil, false},
		"the mount's": {map[string]string{"a": "mount"}, false},
		"other value": {map[string]string{"a": "own"}, true},
		"its own":     {map[string]string{"mtime": "1"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t, map[string][]answerTo{
				"PutObject": {says("", "ETag", `"e"`)}, "CopyObject": {says(copiedXML)}, "CreateMultipartUpload": {says(createdXML)},
				"UploadPart": {says("", "ETag", `"e"`)},
			})
			store := s.open(t, func(c *Config) { c.Metadata = map[string]string{"a": "mount"} })
			attrs, body := writer.Attributes{Metadata: c.metadata}, writer.NewBody(writer.CRC64NVME, []byte("some"), []byte("bytes"))
			if _, err := store.PutObject(t.Context(), "k", attrs, body, writer.Condition{}); err != nil {
				t.Fatal(err)
			}
			if _, err := store.CopyObject(t.Context(), writer.Object{Key: "src", ETag: `"e"`}, "k", attrs, writer.Condition{}); err != nil {
				t.Fatal(err)
			}
			u, err := store.CreateMultipartUpload(t.Context(), "k", attrs, writer.Condition{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.UploadPart(t.Context(), u, 1, body); err != nil {
				t.Fatal(err)
			}
			crc32c, crc64 := writer.NewBody(writer.CRC32C, body.Blocks...).Checksum.Base64(), body.Checksum.Base64()
			for _, name := range []string{"PutObject", "UploadPart"} {
				got := s.seen(name)[0].Header
				if c.marked && got.Get("X-Amz-Checksum-Crc32c") != crc32c || !c.marked && got.Get("X-Amz-Checksum-Crc64nvme") != crc64 {
					t.Errorf("%s: %v", name, got)
				}
			}
			if got := s.seen("CopyObject")[0].Header.Get("X-Amz-Checksum-Algorithm"); (got == "CRC32C") != c.marked {
				t.Errorf("the copy's algorithm is %q", got)
			}
		})
	}
}

// TestSpoiltMemory: a checksum by another algorithm protects no less than the
// one it replaces.
func TestSpoiltMemory(t *testing.T) {
	s := newStub(t, map[string][]answerTo{"CreateMultipartUpload": {says(createdXML)}})
	store := s.open(t, func(*Config) {})
	attrs, body := writer.Attributes{Metadata: map[string]string{"mtime": "1"}}, writer.NewBody(writer.CRC64NVME, []byte("bytes"))
	body.Blocks[0][0] ^= 1
	_, err := store.PutObject(t.Context(), "k", attrs, body, writer.Condition{})
	if !errors.Is(err, writer.ErrChecksum) {
		t.Errorf("%v", err)
	}
	u, err := store.CreateMultipartUpload(t.Context(), "k", attrs, writer.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.UploadPart(t.Context(), u, 1, body)
	if !errors.Is(err, writer.ErrChecksum) {
		t.Errorf("%v", err)
	}
	s.count(t, "PutObject", 0)
	s.count(t, "UploadPart", 0)
}

// TestCopiesKeepEverything: what a HEAD tells goes into the copy that changes
// the metadata, and the tags stay although the mount has its own.
func TestCopiesKeepEverything(t *testing.T) {
	s := newStub(t, map[string][]answerTo{
		"HeadObject": {says("", "ETag", `"e"`, "Content-Length", "9", "Content-Type", "text/html", "Cache-Control", "max-age=1",
			"Content-Disposition", "inline", "Content-Encoding", "gzip", "Content-Language", "de",
			"X-Amz-Storage-Class", "STANDARD_IA", "X-Amz-Server-Side-Encryption", "aws:kms",
			"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "arn:key", "X-Amz-Meta-A", "b")},
		"CopyObject": {says(copiedXML)},
	})
	store := s.open(t, func(c *Config) { c.Tagging = map[string]string{"t": "mount"} })
	src, err := store.HeadObject(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	src.Attributes.Metadata["mtime"] = "1"
	if _, err := store.CopyObject(t.Context(), src, "k", src.Attributes, writer.Condition{IfMatch: src.ETag}); err != nil {
		t.Fatal(err)
	}
	got := s.seen("CopyObject")[0].Header
	for header, want := range map[string]string{
		"Content-Type": "text/html", "Cache-Control": "max-age=1", "Content-Disposition": "inline", "Content-Encoding": "gzip",
		"Content-Language": "de", "X-Amz-Storage-Class": "STANDARD_IA", "X-Amz-Server-Side-Encryption": "aws:kms",
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "arn:key", "X-Amz-Meta-A": "b", "X-Amz-Meta-Mtime": "1",
		"X-Amz-Copy-Source-If-Match": `"e"`, "If-Match": `"e"`, "X-Amz-Tagging": "", "X-Amz-Tagging-Directive": "",
	} {
		if got.Get(header) != want {
			t.Errorf("%s: %q, want %q", header, got.Get(header), want)
		}
	}
}

// TestListingTellsMetadata: a name is worth a question where the store says
// nothing of checksums, or says the mark.
func TestListingTellsMetadata(t *testing.T) {
	page := func(algorithms ...string) answerTo {
		var b strings.Builder
		b.WriteString("<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated>")
		for i, a := range algorithms {
			b.WriteString("<Contents><Key>" + string(rune('a'+i)) + "</Key><Size>1</Size>")
			if a != "" {
				b.WriteString("<ChecksumAlgorithm>" + a + "</ChecksumAlgorithm>")
			}
			b.WriteString("</Contents>")
		}
		return says(b.String() + "</ListBucketResult>")
	}
	s := newStub(t, map[string][]answerTo{"ListObjectsV2": {page("", ""), page("CRC64NVME", "CRC32C", "", "SHA256"), page("", "")}})
	store := s.open(t, func(*Config) {})
	for i, want := range [][]bool{{false, false}, {true, false, true, true}, {true, true}} {
		objects, _, _, err := store.List(t.Context(), "", "", "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		for k, o := range objects {
			if o.Plain != want[k] {
				t.Errorf("page %d, %q is plain: %v, want %v", i, o.Key, o.Plain, want[k])
			}
		}
	}
}
