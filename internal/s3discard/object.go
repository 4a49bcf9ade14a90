package s3discard

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/s3keys"
)

// bucket is the objects of one bucket.
type bucket struct {
	objects map[string]*object
	keys    s3keys.Set
}

// object is one version; nothing in it changes.
type object struct {
	size     int64
	etag     string
	modified time.Time
	header   http.Header // what GET and HEAD tell of it
}

// S3's limits ("Amazon S3 multipart upload limits"), in bytes.
const (
	minPart   = 5 << 20
	maxPart   = 5 << 30
	maxParts  = 10_000
	maxObject = maxParts * maxPart
)

// isChecksum tells whether a header carries a checksum, or says which.
func isChecksum(name string) bool { return strings.HasPrefix(name, "X-Amz-Checksum-") }

// isKept tells whether a request header describes the object it makes.
func isKept(name string) bool {
	return isChecksum(name) || strings.HasPrefix(name, "X-Amz-Meta-") || name == "Content-Type" || name == "Cache-Control" || name == "X-Amz-Storage-Class"
}

// pick gives the headers whose names are wanted.
func pick(all http.Header, wanted func(name string) bool) http.Header {
	header := http.Header{}
	for name, values := range all {
		if wanted(name) {
			header[name] = values
		}
	}
	return header
}

// etagOf names what a request has sent: by the MD5 that the client tells, for
// some compare it, or by a number that was never used before.
func (r *request) etagOf() string {
	sum, err := base64.StdEncoding.DecodeString(r.Header.Get("Content-MD5"))
	if err != nil || len(sum) == 0 {
		return `"` + r.s.state.unique() + `"`
	}
	return `"` + hex.EncodeToString(sum) + `"`
}

// find gives an object. st.mu is held.
func (st *state) find(name, key string) *object {
	b := st.buckets[name]
	if b == nil {
		return nil
	}
	return b.objects[key]
}

// create makes the current version of the key, under the conditions in header.
func (st *state) create(name, key string, o *object, header http.Header) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	present := st.find(name, key)
	match, noneMatch := header.Get("If-Match"), header.Get("If-None-Match")
	switch {
	case noneMatch != "" && present != nil:
		return preconditionFailed
	case match != "" && present == nil:
		return noSuchKey
	case match != "" && present.etag != match:
		return preconditionFailed
	}
	b := st.buckets[name]
	if b == nil {
		b = &bucket{objects: map[string]*object{}}
		if st.buckets == nil {
			st.buckets = map[string]*bucket{}
		}
		st.buckets[name] = b
	}
	o.modified = time.Now().UTC().Truncate(time.Second)
	b.objects[key] = o
	b.keys.Add(key)
	return nil
}

func (st *state) remove(name, key string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if b := st.buckets[name]; b != nil {
		delete(b.objects, key)
		b.keys.Remove(key)
	}
}

// echo gives the checksums of a request back.
func (r *request) echo() {
	maps.Copy(r.w.Header(), pick(r.Header, isChecksum))
}

func (r *request) putObject() error {
	size, err := r.receive()
	if err != nil {
		return err
	}
	o := &object{size: size, etag: r.etagOf(), header: pick(r.Header, isKept)}
	if err := r.s.state.create(r.what.Bucket, r.what.Key, o, r.Header); err != nil {
		return err
	}
	r.echo()
	r.w.Header().Set("ETag", o.etag)
	r.w.WriteHeader(http.StatusOK)
	return nil
}

// current gives the object that the request is about, if its conditions hold.
func (r *request) current() (*object, error) {
	r.s.state.mu.Lock()
	defer r.s.state.mu.Unlock()
	o := r.s.state.find(r.what.Bucket, r.what.Key)
	if o == nil {
		return nil, noSuchKey
	}
	if match := r.Header.Get("If-Match"); match != "" && match != o.etag {
		return nil, preconditionFailed
	}
	return o, nil
}

// describe tells what o is.
func (r *request) describe(o *object) {
	h := r.w.Header()
	maps.Copy(h, o.header)
	h.Set("ETag", o.etag)
	h.Set("Last-Modified", o.modified.Format(http.TimeFormat))
	h.Set("Accept-Ranges", "bytes")
}

func (r *request) headObject() error {
	o, err := r.current()
	if err != nil {
		return err
	}
	r.describe(o)
	r.w.Header().Set("Content-Length", strconv.FormatInt(o.size, 10))
	r.w.WriteHeader(http.StatusOK)
	return nil
}

func (r *request) getObject() error {
	o, err := r.current()
	if err != nil {
		return err
	}
	offset, length, status := int64(0), o.size, http.StatusOK
	if text := r.Header.Get("Range"); text != "" {
		if offset, length, err = parseRange(text, o.size); err != nil {
			return err
		}
		status = http.StatusPartialContent
		r.w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", offset, offset+length-1, o.size))
	}
	r.describe(o)
	r.w.Header().Set("Content-Length", strconv.FormatInt(length, 10))
	r.w.WriteHeader(status)
	n, err := send(r.w, offset, length)
	r.s.counts.add(r.what.Operation, Count{Out: n})
	return err
}

// parseRange reads a range of bytes, of an object of the given size: from-to,
// from-, or -last. S3 takes one range a request.
func parseRange(text string, size int64) (offset, length int64, err error) {
	from, to, found := strings.Cut(strings.TrimPrefix(text, "bytes="), "-")
	first, errFirst := strconv.ParseInt(from, 10, 64)
	last, errLast := strconv.ParseInt(to, 10, 64)
	switch {
	case !found || from == "" && errLast != nil || from != "" && errFirst != nil || to != "" && errLast != nil:
		return 0, 0, invalidArgument
	case from == "":
		first, last = max(0, size-last), size-1
	case to == "":
		last = size - 1
	}
	last = min(last, size-1)
	if first > last {
		return 0, 0, invalidRange
	}
	return first, last - first + 1, nil
}

func (r *request) deleteObject() error {
	r.s.state.remove(r.what.Bucket, r.what.Key)
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (r *request) deleteObjects() error {
	var wanted struct {
		Object []struct{ Key string }
	}
	if err := xml.NewDecoder(r.Body).Decode(&wanted); err != nil {
		return malformedXML
	}
	for _, o := range wanted.Object {
		r.s.state.remove(r.what.Bucket, o.Key)
	}
	writeXML(r.w, http.StatusOK, "DeleteResult", struct {
		Deleted []struct{ Key string }
	}{wanted.Object})
	return nil
}

// source gives the object that a request copies from.
func (r *request) source() (*object, error) {
	path, err := url.PathUnescape(strings.TrimPrefix(r.Header.Get("X-Amz-Copy-Source"), "/"))
	if err != nil {
		return nil, invalidArgument
	}
	path, _, _ = strings.Cut(path, "?versionId=")
	name, key, _ := strings.Cut(path, "/")
	r.s.state.mu.Lock()
	defer r.s.state.mu.Unlock()
	o := r.s.state.find(name, key)
	if o == nil {
		return nil, noSuchKey
	}
	if match := r.Header.Get("X-Amz-Copy-Source-If-Match"); match != "" && match != o.etag {
		return nil, preconditionFailed
	}
	return o, nil
}

// copyResult is S3's answer to a copy.
type copyResult struct{ ETag, LastModified string }

func (r *request) copyObject() error {
	if _, err := r.receive(); err != nil {
		return err
	}
	src, err := r.source()
	if err != nil {
		return err
	}
	if src.size > maxPart {
		return invalidRequest
	}
	o := &object{size: src.size, etag: r.etagOf(), header: src.header}
	if r.Header.Get("X-Amz-Metadata-Directive") == "REPLACE" {
		o.header = pick(r.Header, isKept)
	}
	if err := r.s.state.create(r.what.Bucket, r.what.Key, o, r.Header); err != nil {
		return err
	}
	writeXML(r.w, http.StatusOK, "CopyObjectResult", copyResult{o.etag, xmlTime(o.modified)})
	return nil
}
