package s3op

import (
	"net/http/httptest"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		method, target, copySource string
		want                       Request
	}{
		{"GET", "/", "", Request{ListBuckets, "", ""}},
		{"GET", "/?x-id=ListBuckets", "", Request{ListBuckets, "", ""}},
		{"HEAD", "/b", "", Request{HeadBucket, "b", ""}},
		{"PUT", "/b", "", Request{CreateBucket, "b", ""}},
		{"DELETE", "/b/", "", Request{DeleteBucket, "b", ""}},
		{"PUT", "/b?lifecycle", "", Request{Other, "b", ""}},
		{"POST", "/b?delete=", "", Request{DeleteObjects, "b", ""}},
		{"GET", "/b?list-type=2&prefix=&delimiter=%2F", "", Request{ListObjectsV2, "b", ""}},
		{"GET", "/b?prefix=&marker=", "", Request{ListObjects, "b", ""}},
		{"GET", "/b?uploads=&prefix=x", "", Request{ListMultipartUploads, "b", ""}},
		{"GET", "/b?location", "", Request{GetBucketConfiguration, "b", ""}},
		{"GET", "/b?lifecycle=", "", Request{GetBucketConfiguration, "b", ""}},
		{"PUT", "/b/k?x-id=PutObject", "", Request{PutObject, "b", "k"}},
		{"PUT", "/b/k?x-id=CopyObject", "/b/other", Request{CopyObject, "b", "k"}},
		{"GET", "/b/a/b%2Fc%20d", "", Request{GetObject, "b", "a/b/c d"}},
		{"GET", "/b//a", "", Request{GetObject, "b", "/a"}},
		{"HEAD", "/b/k", "", Request{HeadObject, "b", "k"}},
		{"DELETE", "/b/k", "", Request{DeleteObject, "b", "k"}},
		{"PUT", "/b/k?tagging=", "", Request{Other, "b", "k"}},
		{"POST", "/b/k?uploads=", "", Request{CreateMultipartUpload, "b", "k"}},
		{"PUT", "/b/k?partNumber=1&uploadId=u", "", Request{UploadPart, "b", "k"}},
		{"PUT", "/b/k?partNumber=1&uploadId=u", "/b/k", Request{UploadPartCopy, "b", "k"}},
		{"POST", "/b/k?uploadId=u", "", Request{CompleteMultipartUpload, "b", "k"}},
		{"DELETE", "/b/k?uploadId=u", "", Request{AbortMultipartUpload, "b", "k"}},
		{"GET", "/b/k?uploadId=u", "", Request{ListParts, "b", "k"}},
	} {
		r := httptest.NewRequest(c.method, c.target, nil)
		if c.copySource != "" {
			r.Header.Set("X-Amz-Copy-Source", c.copySource)
		}
		if got := Parse(r); got != c.want {
			t.Errorf("%s %s: %+v, want %+v", c.method, c.target, got, c.want)
		}
	}
}
