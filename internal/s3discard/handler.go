package s3discard

import (
	"net/http"

	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// request is one request that is being answered.
type request struct {
	*http.Request
	what s3op.Request
	w    http.ResponseWriter
	s    *Server
}

// handlers answer the operations. What they return is answered as an error.
var handlers = map[string]func(*request) error{
	s3op.PutObject:    (*request).putObject,
	s3op.GetObject:    (*request).getObject,
	s3op.HeadObject:   (*request).headObject,
	s3op.DeleteObject: (*request).deleteObject,
	s3op.CopyObject:   (*request).copyObject,

	s3op.DeleteObjects:          (*request).deleteObjects,
	s3op.ListObjects:            (*request).listObjects,
	s3op.ListObjectsV2:          (*request).listObjectsV2,
	s3op.ListBuckets:            (*request).listBuckets,
	s3op.HeadBucket:             (*request).succeed,
	s3op.CreateBucket:           (*request).succeed,
	s3op.GetBucketConfiguration: (*request).bucketConfiguration,

	s3op.CreateMultipartUpload:   (*request).createUpload,
	s3op.UploadPart:              (*request).uploadPart,
	s3op.UploadPartCopy:          (*request).uploadPartCopy,
	s3op.CompleteMultipartUpload: (*request).completeUpload,
	s3op.AbortMultipartUpload:    (*request).abortUpload,
	s3op.ListParts:               (*request).listParts,
	s3op.ListMultipartUploads:    (*request).listUploads,
}

// ServeHTTP answers a request. Handlers read the whole of it first and name a
// status explicitly, which is when the latency passes.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == statsPath {
		s.serveStats(w, r)
		return
	}
	req := &request{r, s3op.Parse(r), &later{w, s.latency}, s}
	s.counts.add(req.what.Operation, Count{Requests: 1})
	w.Header().Set("X-Amz-Request-Id", "DISCARD")
	handle, ok := handlers[req.what.Operation]
	if !ok {
		handle = (*request).unknown
	}
	if err := handle(req); err != nil {
		writeError(req.w, err)
	}
}

// receive reads a body that is thrown away.
func (r *request) receive() (int64, error) {
	size, err := r.s.discard(r.what.Operation, r.Request)
	if err == nil && size > maxPart {
		err = entityTooLarge
	}
	return size, err
}

func (r *request) succeed() error {
	if _, err := r.receive(); err != nil {
		return err
	}
	r.w.WriteHeader(http.StatusOK)
	return nil
}

func (r *request) unknown() error {
	if _, err := r.receive(); err != nil {
		return err
	}
	return notImplemented
}

// bucketConfiguration has a place and nothing else.
func (r *request) bucketConfiguration() error {
	switch query := r.URL.Query(); {
	case query.Has("location"):
		writeXML(r.w, http.StatusOK, "LocationConstraint", "")
		return nil
	case query.Has("lifecycle"):
		return noLifecycle
	}
	return noConfiguration
}

func (r *request) listBuckets() error {
	writeXML(r.w, http.StatusOK, "ListAllMyBucketsResult", struct{ Buckets string }{})
	return nil
}
