package s3discard

import (
	"cmp"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/s3mpfs/s3mpfs/internal/s3keys"
)

// listedObject is an object as a listing tells it.
type listedObject struct {
	Key, LastModified, ETag string
	Size                    int64
	StorageClass            string
}

type commonPrefix struct{ Prefix string }

// listing is S3's answer to both kinds of listing; a field that one of them
// does not know is empty.
type listing struct {
	Name, Prefix, Delimiter string
	EncodingType            string `xml:",omitempty"`
	MaxKeys, KeyCount       int
	IsTruncated             bool
	NextContinuationToken   string `xml:",omitempty"`
	NextMarker              string `xml:",omitempty"`
	Contents                []listedObject
	CommonPrefixes          []commonPrefix
}

// limit reads how many entries are asked for.
func (r *request) limit(parameter string) int {
	if n, err := strconv.Atoi(r.URL.Query().Get(parameter)); err == nil && n > 0 {
		return min(n, s3keys.MaxPage)
	}
	return s3keys.MaxPage
}

// page lists from the key first on, and gives the first key of the next page.
func (r *request) page(first string) (l listing, next string) {
	query := r.URL.Query()
	prefix, delimiter, encoding := query.Get("prefix"), query.Get("delimiter"), query.Get("encoding-type")
	l = listing{Name: r.what.Bucket, Prefix: escape(encoding, prefix), Delimiter: escape(encoding, delimiter), EncodingType: encoding, MaxKeys: r.limit("max-keys")}
	r.s.state.mu.Lock()
	defer r.s.state.mu.Unlock()
	b := r.s.state.buckets[r.what.Bucket]
	if b == nil {
		return l, ""
	}
	keys, prefixes, next := b.keys.Page(prefix, delimiter, first, l.MaxKeys)
	for _, key := range keys {
		o := b.objects[key]
		l.Contents = append(l.Contents, listedObject{escape(encoding, key), xmlTime(o.modified), o.etag, o.size, "STANDARD"})
	}
	for _, p := range prefixes {
		l.CommonPrefixes = append(l.CommonPrefixes, commonPrefix{escape(encoding, p)})
	}
	l.KeyCount, l.IsTruncated = len(keys)+len(prefixes), next != ""
	return l, next
}

// after is the first key that can follow key.
func after(key string) string {
	if key == "" {
		return ""
	}
	return key + "\x00"
}

func (r *request) listObjectsV2() error {
	query := r.URL.Query()
	first, err := hex.DecodeString(query.Get("continuation-token"))
	if err != nil {
		return invalidArgument
	}
	l, next := r.page(cmp.Or(string(first), after(query.Get("start-after"))))
	l.NextContinuationToken = hex.EncodeToString([]byte(next)) // XML cannot hold every key
	writeXML(r.w, http.StatusOK, "ListBucketResult", l)
	return nil
}

// listObjects is the older listing, whose next page begins behind a key or
// behind all keys of a common prefix.
func (r *request) listObjects() error {
	query := r.URL.Query()
	marker := query.Get("marker")
	first := after(marker)
	if delimiter := query.Get("delimiter"); delimiter != "" && strings.HasSuffix(marker, delimiter) {
		first = marker + "\U0010ffff"
	}
	l, next := r.page(first)
	if next != "" {
		l.NextMarker = l.last()
	}
	writeXML(r.w, http.StatusOK, "ListBucketResult", l)
	return nil
}

// last is the last entry of a page.
func (l *listing) last() (name string) {
	if n := len(l.Contents); n > 0 {
		name = l.Contents[n-1].Key
	}
	if n := len(l.CommonPrefixes); n > 0 {
		name = max(name, l.CommonPrefixes[n-1].Prefix)
	}
	return name
}

// listedUpload is an upload as a listing tells it.
type listedUpload struct{ Key, UploadId, Initiated string }

func (r *request) listUploads() error {
	query := r.URL.Query()
	prefix, encoding := query.Get("prefix"), query.Get("encoding-type")
	keyMarker, idMarker := query.Get("key-marker"), query.Get("upload-id-marker")
	var all []listedUpload
	r.s.state.mu.Lock()
	for _, u := range r.s.state.uploads {
		behind := u.key > keyMarker || u.key == keyMarker && idMarker != "" && u.id > idMarker
		if u.bucket == r.what.Bucket && strings.HasPrefix(u.key, prefix) && behind {
			all = append(all, listedUpload{u.key, u.id, xmlTime(u.initiated)})
		}
	}
	r.s.state.mu.Unlock()
	slices.SortFunc(all, func(a, b listedUpload) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.UploadId, b.UploadId))
	})
	page := all[:min(len(all), r.limit("max-uploads"))]
	var next listedUpload
	if len(page) < len(all) {
		next = page[len(page)-1]
	}
	for i := range page {
		page[i].Key = escape(encoding, page[i].Key)
	}
	writeXML(r.w, http.StatusOK, "ListMultipartUploadsResult", struct {
		Bucket, Prefix                    string
		EncodingType                      string `xml:",omitempty"`
		NextKeyMarker, NextUploadIdMarker string
		IsTruncated                       bool
		Upload                            []listedUpload
	}{r.what.Bucket, escape(encoding, prefix), encoding, escape(encoding, next.Key), next.UploadId, next.Key != "", page})
	return nil
}
