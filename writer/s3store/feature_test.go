package s3store

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/s3mpfs/s3mpfs/writer"
)

// refusing answers as f does where the request has the header, else as good.
func refusing(header string, f, good answerTo) answerTo {
	return func(w http.ResponseWriter, r *request) {
		if r.Header.Get(header) != "" {
			f(w, r)
			return
		}
		good(w, r)
	}
}

// unimplemented is Amazon's answer to a header that it does not know, which
// other stores give too.
var unimplemented = fails(501, "NotImplemented", "A header you provided implies functionality that is not implemented")

// lines are the warnings in the store's log.
func (s *stub) lines() int { return strings.Count(s.log.String(), "\n") }

func TestGoesOnWithoutChecksums(t *testing.T) {
	for name, refusal := range map[string]answerTo{
		"501":             unimplemented,
		"invalid request": fails(400, "InvalidRequest", "Unsupported header x-amz-checksum-crc64nvme"),
		"argument":        fails(400, "InvalidArgument", "checksum algorithm is not supported"),
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t, map[string][]answerTo{
				"PutObject":             {refusing("X-Amz-Checksum-Crc64nvme", refusal, says("", "ETag", `"e"`))},
				"CreateMultipartUpload": {refusing("X-Amz-Checksum-Algorithm", refusal, says(createdXML))},
			})
			store := s.open(t)
			for range 2 {
				o, err := store.PutObject(t.Context(), "k", writer.Attributes{}, someBody(), writer.Condition{})
				if err != nil || o.Checksum != (writer.Checksum{}) {
					t.Fatalf("%+v, %v", o, err)
				}
			}
			s.count(t, "PutObject", 3)
			u, err := store.CreateMultipartUpload(t.Context(), "k", writer.Attributes{}, writer.Condition{})
			if err != nil || u.Checksum != writer.None {
				t.Errorf("%+v, %v", u, err)
			}
			s.count(t, "CreateMultipartUpload", 1)
			if s.lines() != 1 || !strings.Contains(s.log.String(), "without a checksum") {
				t.Errorf("log:\n%s", &s.log)
			}
		})
	}
}

func TestTellsAMismatchFromARefusal(t *testing.T) {
	for _, message := range []string{
		"The provided 'x-amz-mp-object-size' header value 2 does not match what was computed: 3",
		"Checksum Type mismatch occurred",
	} {
		s := newStub(t, map[string][]answerTo{"CompleteMultipartUpload": {fails(400, "InvalidRequest", message)}})
		_, err := s.open(t).CompleteMultipartUpload(t.Context(), someUpload(), someParts, someCompletion())
		if !errors.Is(err, writer.ErrInvalid) || s.lines() != 0 {
			t.Errorf("%v, log:\n%s", err, &s.log)
		}
		s.count(t, "CompleteMultipartUpload", 1)
	}
}

func TestGoesOnWithoutTheObjectSize(t *testing.T) {
	s := newStub(t, map[string][]answerTo{
		"CompleteMultipartUpload": {refusing("X-Amz-Mp-Object-Size", unimplemented, says(completedXML))},
	})
	store := s.open(t)
	for range 2 {
		if _, err := store.CompleteMultipartUpload(t.Context(), someUpload(), someParts, someCompletion()); err != nil {
			t.Fatal(err)
		}
	}
	s.count(t, "CompleteMultipartUpload", 3)
	if last := s.seen("CompleteMultipartUpload")[2]; last.Header.Get("X-Amz-Checksum-Crc64nvme") == "" {
		t.Error("the checksum was given up too")
	}
	if s.lines() != 1 || !strings.Contains(s.log.String(), "x-amz-mp-object-size") {
		t.Errorf("log:\n%s", &s.log)
	}
}

// TestComparesWhereConditionsAreUnknown has a store that knows neither
// condition.
func TestComparesWhereConditionsAreUnknown(t *testing.T) {
	for name, c := range map[string]struct {
		cond writer.Condition
		head answerTo
		want error
	}{
		"new":      {writer.Condition{IfNoneMatch: true}, fails(404, "", ""), nil},
		"exists":   {writer.Condition{IfNoneMatch: true}, head(`"e"`), writer.ErrPrecondition},
		"same":     {writer.Condition{IfMatch: `"e"`}, head(`"e"`), nil},
		"replaced": {writer.Condition{IfMatch: `"e"`}, head(`"f"`), writer.ErrPrecondition},
		"gone":     {writer.Condition{IfMatch: `"e"`}, fails(404, "", ""), writer.ErrPrecondition},
		"denied":   {writer.Condition{IfMatch: `"e"`}, fails(403, "", ""), writer.ErrAccess},
	} {
		t.Run(name, func(t *testing.T) {
			good := says("", "ETag", `"new"`)
			s := newStub(t, map[string][]answerTo{
				"PutObject":  {refusing("If-Match", unimplemented, refusing("If-None-Match", unimplemented, good))},
				"HeadObject": {c.head},
			})
			_, err := s.open(t).PutObject(t.Context(), "k", writer.Attributes{},
				writer.NewBody(writer.None, []byte("x")), c.cond)
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestACopysTargetIsLookedAtFirst(t *testing.T) {
	s := newStub(t, map[string][]answerTo{"HeadObject": {head(`"e"`)}, "CopyObject": {says(copiedXML)}})
	_, err := s.open(t).CopyObject(t.Context(), writer.Object{Key: "a"}, "k", writer.Attributes{}, writer.Condition{IfNoneMatch: true})
	if !errors.Is(err, writer.ErrPrecondition) {
		t.Error(err)
	}
	s.count(t, "CopyObject", 0)
}

func TestAnUploadThatVersitygwLost(t *testing.T) {
	s := newStub(t, map[string][]answerTo{
		"HeadObject":              {head(`"other"`)},
		"CompleteMultipartUpload": {says(completedXML, "Server", "VERSITYGW")},
	})
	_, err := s.open(t).CompleteMultipartUpload(t.Context(), someUpload(), someParts, someCompletion())
	if !errors.Is(err, writer.ErrNoSuchUpload) {
		t.Error(err)
	}
}
