package s3store

import (
	"strings"
	"testing"

	"github.com/s3mpfs/s3mpfs/writer"
)

// The second upload is used; the first, whose ID nobody learnt, is named.
func TestStrayUploadIsNamedInTheLog(t *testing.T) {
	s := newStub(t, map[string][]answerTo{
		"CreateMultipartUpload": {cuts, says(createdXML)},
		"ListMultipartUploads": {says(`<ListMultipartUploadsResult>
			<Upload><Key>a/key</Key><UploadId>stray-one</UploadId></Upload>
			<Upload><Key>a/key</Key><UploadId>up</UploadId></Upload>
			<Upload><Key>a/key2</Key><UploadId>unrelated</UploadId></Upload>
			</ListMultipartUploadsResult>`)},
	})
	u, err := s.open(t).CreateMultipartUpload(t.Context(), "a/key", writer.Attributes{}, writer.Condition{})
	if err != nil || u.ID != "up" {
		t.Fatal(u, err)
	}
	if log := s.log.String(); strings.Count(log, "upload_id=") != 1 || !strings.Contains(log, "upload_id=stray-one") {
		t.Errorf("the log says %q", log)
	}
	s.count(t, "AbortMultipartUpload", 0)
}
