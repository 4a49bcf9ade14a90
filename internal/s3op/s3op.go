// Package s3op names the operations of S3 and tells which one an HTTP request
// asks for. The test servers share these names.
package s3op

import (
	"net/http"
	"net/url"
	"strings"
)

// The operations by their names in the S3 API.
const (
	PutObject               = "PutObject"
	GetObject               = "GetObject"
	HeadObject              = "HeadObject"
	DeleteObject            = "DeleteObject"
	DeleteObjects           = "DeleteObjects"
	CopyObject              = "CopyObject"
	GetObjectTagging        = "GetObjectTagging"
	RenameObject            = "RenameObject"
	ListObjects             = "ListObjects"
	ListObjectsV2           = "ListObjectsV2"
	ListBuckets             = "ListBuckets"
	HeadBucket              = "HeadBucket"
	CreateBucket            = "CreateBucket"
	DeleteBucket            = "DeleteBucket"
	CreateMultipartUpload   = "CreateMultipartUpload"
	UploadPart              = "UploadPart"
	UploadPartCopy          = "UploadPartCopy"
	CompleteMultipartUpload = "CompleteMultipartUpload"
	AbortMultipartUpload    = "AbortMultipartUpload"
	ListParts               = "ListParts"
	ListMultipartUploads    = "ListMultipartUploads"

	// GetBucketConfiguration stands for every GET of a bucket's sub-resource,
	// such as its location or its lifecycle rules.
	GetBucketConfiguration = "GetBucketConfiguration"
	// Other is everything else.
	Other = "Other"
)

// Request is what the line and the headers of an HTTP request say, path style.
type Request struct {
	Operation string
	Bucket    string
	Key       string // unescaped
}

// Parse recognises the operation that r asks for.
func Parse(r *http.Request) Request {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	req := Request{Bucket: bucket, Key: key}
	query := r.URL.Query()
	switch {
	case bucket == "":
		req.Operation = onService(r.Method)
	case key == "":
		req.Operation = onBucket(r.Method, query)
	default:
		req.Operation = onObject(r, query)
	}
	return req
}

func onService(method string) string {
	if method == http.MethodGet {
		return ListBuckets
	}
	return Other
}

func onBucket(method string, query url.Values) string {
	switch method {
	case http.MethodHead:
		return HeadBucket
	case http.MethodGet:
		return onBucketGet(query)
	case http.MethodPost:
		if query.Has("delete") {
			return DeleteObjects
		}
	case http.MethodPut:
		if !hasSubresource(query) {
			return CreateBucket
		}
	case http.MethodDelete:
		if !hasSubresource(query) {
			return DeleteBucket
		}
	}
	return Other
}

func onBucketGet(query url.Values) string {
	switch {
	case query.Has("uploads"):
		return ListMultipartUploads
	case query.Get("list-type") == "2":
		return ListObjectsV2
	case hasSubresource(query):
		return GetBucketConfiguration
	}
	return ListObjects
}

// hasSubresource tells whether the query names a part of a bucket's
// configuration: those are keys without a value, such as ?lifecycle. The
// SDK's own x-id names the operation and is none.
func hasSubresource(query url.Values) bool {
	for name, values := range query {
		if name != "x-id" && name != "prefix" && name != "delimiter" && name != "marker" && values[0] == "" {
			return true
		}
	}
	return false
}

func onObject(r *http.Request, query url.Values) string {
	copies := r.Header.Get("X-Amz-Copy-Source") != ""
	switch {
	case query.Has("uploadId"):
		return onUpload(r.Method, copies)
	case r.Method == http.MethodPost && query.Has("uploads"):
		return CreateMultipartUpload
	case r.Method == http.MethodGet && query.Has("tagging"):
		return GetObjectTagging
	case r.Method == http.MethodPut && query.Has("renameObject"):
		return RenameObject
	case hasSubresource(query):
		return Other
	case r.Method == http.MethodPut && copies:
		return CopyObject
	case r.Method == http.MethodPut:
		return PutObject
	case r.Method == http.MethodGet:
		return GetObject
	case r.Method == http.MethodHead:
		return HeadObject
	case r.Method == http.MethodDelete:
		return DeleteObject
	}
	return Other
}

func onUpload(method string, copies bool) string {
	switch method {
	case http.MethodPut:
		if copies {
			return UploadPartCopy
		}
		return UploadPart
	case http.MethodPost:
		return CompleteMultipartUpload
	case http.MethodDelete:
		return AbortMultipartUpload
	case http.MethodGet:
		return ListParts
	}
	return Other
}
