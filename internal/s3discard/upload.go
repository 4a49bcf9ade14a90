package s3discard

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// upload is a running multipart upload.
type upload struct {
	id, bucket, key string
	initiated       time.Time
	header          http.Header // what describes the object
	parts           map[int]part
}

// part is what arrived last under one part number.
type part struct {
	size     int64
	etag     string
	modified time.Time
}

func (r *request) createUpload() error {
	if _, err := r.receive(); err != nil {
		return err
	}
	u := &upload{
		id: r.s.state.unique(), bucket: r.what.Bucket, key: r.what.Key, initiated: time.Now(),
		header: pick(r.Header, isKept), parts: map[int]part{},
	}
	r.s.state.mu.Lock()
	if r.s.state.uploads == nil {
		r.s.state.uploads = map[string]*upload{}
	}
	r.s.state.uploads[u.id] = u
	r.s.state.mu.Unlock()
	r.echo()
	writeXML(r.w, http.StatusOK, "InitiateMultipartUploadResult", struct{ Bucket, Key, UploadId string }{r.what.Bucket, r.what.Key, u.id})
	return nil
}

// upload gives the upload that a request is about. s.state.mu is held.
func (r *request) upload() (*upload, error) {
	u := r.s.state.uploads[r.URL.Query().Get("uploadId")]
	if u == nil || u.bucket != r.what.Bucket || u.key != r.what.Key {
		return nil, noSuchUpload
	}
	return u, nil
}

// addPart keeps a part of this size and gives its ETag.
func (r *request) addPart(size int64) (string, error) {
	number, err := strconv.Atoi(r.URL.Query().Get("partNumber"))
	if err != nil || number < 1 || number > maxParts {
		return "", invalidArgument
	}
	p := part{size, r.etagOf(), time.Now()}
	r.s.state.mu.Lock()
	defer r.s.state.mu.Unlock()
	u, err := r.upload()
	if err != nil {
		return "", err
	}
	u.parts[number] = p
	return p.etag, nil
}

func (r *request) uploadPart() error {
	size, err := r.receive()
	if err != nil {
		return err
	}
	etag, err := r.addPart(size)
	if err != nil {
		return err
	}
	r.echo()
	r.w.Header().Set("ETag", etag)
	r.w.WriteHeader(http.StatusOK)
	return nil
}

func (r *request) uploadPartCopy() error {
	if _, err := r.receive(); err != nil {
		return err
	}
	src, err := r.source()
	if err != nil {
		return err
	}
	length := src.size
	if text := r.Header.Get("X-Amz-Copy-Source-Range"); text != "" {
		if length, err = copiedLength(text, src.size); err != nil {
			return err
		}
	}
	if length > maxPart {
		return invalidRequest
	}
	etag, err := r.addPart(length)
	if err != nil {
		return err
	}
	writeXML(r.w, http.StatusOK, "CopyPartResult", copyResult{etag, xmlTime(time.Now())})
	return nil
}

// copiedLength is how much a range names, which must lie within a source that
// is large enough.
func copiedLength(text string, size int64) (int64, error) {
	if size <= minPart {
		return 0, invalidRequest
	}
	var first, last int64
	if _, err := fmt.Sscanf(text, "bytes=%d-%d", &first, &last); err != nil || first > last || last >= size {
		return 0, invalidArgument
	}
	return last - first + 1, nil
}

// completedPart is a part as a completion names it.
type completedPart struct {
	PartNumber int
	ETag       string
}

func (r *request) completeUpload() error {
	var wanted struct{ Part []completedPart }
	if err := xml.NewDecoder(r.Body).Decode(&wanted); err != nil || len(wanted.Part) == 0 {
		return malformedXML
	}
	r.s.state.mu.Lock()
	u, err := r.upload()
	var o *object
	if err == nil {
		o, err = u.assemble(wanted.Part)
	}
	r.s.state.mu.Unlock()
	if err != nil {
		return err
	}
	if size := r.Header.Get("X-Amz-Mp-Object-Size"); size != "" && size != strconv.FormatInt(o.size, 10) {
		return invalidRequest
	}
	maps.Copy(o.header, pick(r.Header, isChecksum))
	if err := r.s.state.create(r.what.Bucket, r.what.Key, o, r.Header); err != nil {
		return err
	}
	r.s.state.endUpload(u.id)
	r.writeCompleted(o)
	return nil
}

func (st *state) endUpload(id string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	delete(st.uploads, id)
}

// assemble makes the object of parts, which S3 takes in ascending order. The
// ETag is the MD5 of the parts' ETags and their number.
func (u *upload) assemble(parts []completedPart) (*object, error) {
	o := &object{header: maps.Clone(u.header)}
	sums := md5.New()
	for i, named := range parts {
		held, ok := u.parts[named.PartNumber]
		switch {
		case i > 0 && named.PartNumber <= parts[i-1].PartNumber:
			return nil, invalidPartOrder
		case !ok || strings.Trim(named.ETag, `"`) != strings.Trim(held.etag, `"`):
			return nil, invalidPart
		case held.size < minPart && i < len(parts)-1:
			return nil, entityTooSmall
		}
		sum, err := hex.DecodeString(strings.Trim(held.etag, `"`))
		if err != nil {
			return nil, invalidPart
		}
		sums.Write(sum)
		o.size += held.size
	}
	o.etag = fmt.Sprintf(`"%x-%d"`, sums.Sum(nil), len(parts))
	return o, nil
}

// writeCompleted tells of the object and gives its checksum back.
func (r *request) writeCompleted(o *object) {
	given := r.Header
	writeXML(r.w, http.StatusOK, "CompleteMultipartUploadResult", struct {
		Bucket, Key, ETag string
		ChecksumCRC32     string `xml:",omitempty"`
		ChecksumCRC32C    string `xml:",omitempty"`
		ChecksumCRC64NVME string `xml:",omitempty"`
		ChecksumType      string `xml:",omitempty"`
	}{
		r.what.Bucket, r.what.Key, o.etag, given.Get("X-Amz-Checksum-Crc32"), given.Get("X-Amz-Checksum-Crc32c"),
		given.Get("X-Amz-Checksum-Crc64nvme"), given.Get("X-Amz-Checksum-Type"),
	})
}

func (r *request) abortUpload() error {
	r.s.state.mu.Lock()
	u, err := r.upload()
	r.s.state.mu.Unlock()
	if err != nil {
		return err
	}
	r.s.state.endUpload(u.id)
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}

// listedPart is a part as a listing tells it.
type listedPart struct {
	PartNumber   int
	ETag         string
	Size         int64
	LastModified string
}

func (r *request) listParts() error {
	r.s.state.mu.Lock()
	u, err := r.upload()
	var all []listedPart
	if err == nil {
		for _, number := range slices.Sorted(maps.Keys(u.parts)) {
			p := u.parts[number]
			all = append(all, listedPart{number, p.etag, p.size, xmlTime(p.modified)})
		}
	}
	r.s.state.mu.Unlock()
	if err != nil {
		return err
	}
	marker, _ := strconv.Atoi(r.URL.Query().Get("part-number-marker")) // none is 0
	all = slices.DeleteFunc(all, func(p listedPart) bool { return p.PartNumber <= marker })
	page := all[:min(len(all), r.limit("max-parts"))]
	next := 0
	if len(page) < len(all) {
		next = page[len(page)-1].PartNumber
	}
	writeXML(r.w, http.StatusOK, "ListPartsResult", struct {
		Bucket, Key, UploadId string
		NextPartNumberMarker  int
		IsTruncated           bool
		Part                  []listedPart
	}{r.what.Bucket, r.what.Key, u.id, next, next != 0, page})
	return nil
}
