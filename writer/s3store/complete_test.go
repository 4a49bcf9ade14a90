package s3store

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/s3mpfs/s3mpfs/writer"
)

// someParts are two parts whose multipart ETag is known:
// MD5 over the two binary MD5s, computed with md5sum.
var someParts = []writer.Part{
	{Number: 1, ETag: `"0cc175b9c0f1b6a831c399e269772661"`, Size: 1, Checksum: writer.NewBody(writer.CRC64NVME, []byte("a")).Checksum},
	{Number: 2, ETag: `"92eb5ffee6ae2fec3ad71c777531578f"`, Size: 1, Checksum: writer.NewBody(writer.CRC64NVME, []byte("b")).Checksum},
}

const someETag = `"96e024ba2074fe77e8e965ba43a704be-2"`

func someCompletion() writer.Completion {
	return writer.Completion{Size: 2, Checksum: writer.NewBody(writer.CRC64NVME, []byte("ab")).Checksum}
}

// head answers a HEAD with an object of two bytes.
func head(etag string, header ...string) answerTo {
	return says("", append([]string{"Content-Length", "2", "ETag", etag}, header...)...)
}

func TestMultipartETag(t *testing.T) {
	if got := `"` + multipartETag(someParts) + `"`; got != someETag {
		t.Errorf("%s, want %s", got, someETag)
	}
	if got := multipartETag([]writer.Part{{ETag: `"not-an-md5"`}}); got != "" {
		t.Errorf("%s of parts without MD5", got)
	}
}

func TestCompletionIsVerifiedByTheStore(t *testing.T) {
	s := newStub(t, map[string][]answerTo{"CompleteMultipartUpload": {says(completedXML)}})
	o, err := s.open(t).CompleteMultipartUpload(t.Context(), someUpload(), someParts, someCompletion())
	if err != nil || o.Key != "k" || o.ETag != `"done-1"` || o.Size != 2 {
		t.Fatalf("%+v, %v", o, err)
	}
	r := s.seen("CompleteMultipartUpload")[0]
	sum := someCompletion().Checksum.Base64()
	for header, want := range map[string]string{
		"X-Amz-Mp-Object-Size": "2", "X-Amz-Checksum-Crc64nvme": sum, "X-Amz-Checksum-Type": "FULL_OBJECT",
		"If-Match": "", "If-None-Match": "",
	} {
		if got := r.Header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	for _, want := range []string{"<PartNumber>1</PartNumber>", "0cc175b9c0f1b6a831c399e269772661", someParts[1].Checksum.Base64()} {
		if !strings.Contains(string(r.body), want) {
			t.Errorf("no %q in %s", want, r.body)
		}
	}
}

// inside is an error in the body of a 200, after white space.
func inside(code string) answerTo {
	return says("<?xml version=\"1.0\"?>\n   \n <Error><Code>" + code + "</Code><Message>m</Message></Error>")
}

func TestAnErrorInsideA200IsAnError(t *testing.T) {
	calls := map[string]func(*Store) error{
		"CompleteMultipartUpload": func(s *Store) error {
			_, err := s.CompleteMultipartUpload(t.Context(), someUpload(), someParts, someCompletion())
			return err
		},
		"CopyObject": func(s *Store) error {
			_, err := s.CopyObject(t.Context(), writer.Object{Key: "a"}, "k", writer.Attributes{}, writer.Condition{})
			return err
		},
		"UploadPartCopy": func(s *Store) error {
			_, err := s.UploadPartCopy(t.Context(), someUpload(), 1, writer.Object{Key: "a"}, 0, 10)
			return err
		},
	}
	good := map[string]string{"CompleteMultipartUpload": completedXML, "CopyObject": copiedXML, "UploadPartCopy": partXML}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			nothing := fails(404, "", "")
			s := newStub(t, map[string][]answerTo{
				name: {inside("InternalError"), says(""), says(good[name][:30]), says(good[name])}, "HeadObject": {nothing},
			})
			if err := call(s.open(t)); err != nil {
				t.Error(err)
			}
			s.count(t, name, 4)
			s = newStub(t, map[string][]answerTo{name: {inside("AccessDenied")}, "HeadObject": {nothing}})
			if err := call(s.open(t)); !errors.Is(err, writer.ErrAccess) {
				t.Error(err)
			}
			s.count(t, name, 1)
		})
	}
}

// lost is a request that took effect and whose answer did not arrive.
var lost = map[string]answerTo{"cut": cuts, "500": fails(500, "InternalError", "")}

func TestALostAnswerToCompleteIsDecidedByTheObject(t *testing.T) {
	gone := fails(404, "NoSuchUpload", "")
	sum := someCompletion().Checksum.Base64()
	for name, c := range map[string]struct {
		head answerTo
		want error
	}{
		"its ETag":            {head(someETag), nil},
		"its checksum":        {head(`"x"`, "X-Amz-Checksum-Crc64nvme", sum, "X-Amz-Checksum-Type", "FULL_OBJECT"), nil},
		"another object":      {head(`"x"`), writer.ErrNoSuchUpload},
		"of another size":     {says("", "Content-Length", "3", "ETag", someETag), writer.ErrNoSuchUpload},
		"a composite":         {head(`"x"`, "X-Amz-Checksum-Crc64nvme", sum, "X-Amz-Checksum-Type", "COMPOSITE"), writer.ErrNoSuchUpload},
		"no object":           {fails(404, "", ""), writer.ErrNoSuchUpload},
		"it may not be asked": {fails(403, "", ""), writer.ErrNoSuchUpload},
	} {
		for how, fault := range lost {
			t.Run(name+", "+how, func(t *testing.T) {
				s := newStub(t, map[string][]answerTo{"CompleteMultipartUpload": {fault, gone}, "HeadObject": {c.head}})
				o, err := s.open(t).CompleteMultipartUpload(t.Context(), someUpload(), someParts, someCompletion())
				if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || err == nil && o.Size != 2 {
					t.Errorf("%+v, %v", o, err)
				}
				if r := s.seen("HeadObject")[0]; r.Header.Get("X-Amz-Checksum-Mode") != "ENABLED" {
					t.Error("the checksum was not asked for")
				}
			})
		}
	}
}

func TestCompletionThatNeverAnswersIsDecidedByTheObject(t *testing.T) {
	s := newStub(t, map[string][]answerTo{"CompleteMultipartUpload": {cuts}, "HeadObject": {head(someETag)}})
	hasty := func(c *Config) { c.RetryTimeout = 1 }
	if _, err := s.open(t, hasty).CompleteMultipartUpload(t.Context(), someUpload(), someParts, someCompletion()); err != nil {
		t.Error(err)
	}
	s = newStub(t, map[string][]answerTo{"CompleteMultipartUpload": {cuts}, "HeadObject": {fails(404, "", "")}})
	_, err := s.open(t, hasty).CompleteMultipartUpload(t.Context(), someUpload(), someParts, someCompletion())
	if !errors.Is(err, writer.ErrUnavailable) {
		t.Error(err)
	}
}

// exclusive makes an object that must not exist, in three ways, and gives the
// request in which the token travels.
var exclusive = map[string]struct {
	first string
	call  func(*testing.T, *Store) (writer.Object, error)
}{
	"CompleteMultipartUpload": {"CreateMultipartUpload", func(t *testing.T, s *Store) (writer.Object, error) {
		cond := writer.Condition{IfNoneMatch: true}
		u, err := s.CreateMultipartUpload(t.Context(), "k", writer.Attributes{}, cond)
		if err != nil || u.Token == "" {
			t.Fatalf("%+v, %v", u, err)
		}
		c := someCompletion()
		c.Condition = cond
		return s.CompleteMultipartUpload(t.Context(), u, someParts, c)
	}},
	"PutObject": {"PutObject", func(t *testing.T, s *Store) (writer.Object, error) {
		return s.PutObject(t.Context(), "k", writer.Attributes{}, writer.NewBody(writer.CRC64NVME, []byte("ab")), writer.Condition{IfNoneMatch: true})
	}},
	"CopyObject": {"CopyObject", func(t *testing.T, s *Store) (writer.Object, error) {
		s.custom = false // such stores are asked first
		return s.CopyObject(t.Context(), writer.Object{Key: "a", Size: 2, ETag: `"e"`}, "k", writer.Attributes{}, writer.Condition{IfNoneMatch: true})
	}},
}

func TestTheTokenTellsOurObjectFromAnEqualOne(t *testing.T) {
	for name, c := range exclusive {
		for _, ours := range []bool{true, false} {
			s := newStub(t, map[string][]answerTo{
				"CreateMultipartUpload": {says(createdXML)}, name: {cuts, fails(412, "PreconditionFailed", "")},
			})
			s.answers["HeadObject"] = []answerTo{func(w http.ResponseWriter, r *request) {
				token := s.seen(c.first)[0].Header.Get("X-Amz-Meta-S3mpfs-Token")
				if token == "" {
					t.Errorf("%s carries no token", c.first)
				}
				if !ours {
					token += "x"
				}
				head(someETag, "X-Amz-Meta-S3mpfs-Token", token)(w, r)
			}}
			o, err := c.call(t, s.open(t))
			switch {
			case ours && (err != nil || o.Size != 2):
				t.Errorf("%s: %+v, %v", name, o, err)
			case !ours && !errors.Is(err, writer.ErrPrecondition):
				t.Errorf("%s: the object of another is taken for ours: %v", name, err)
			case o.Attributes.Metadata[tokenKey] != "":
				t.Errorf("%s: the token shows in %v", name, o.Attributes)
			}
		}
	}
}

func TestA412WithoutDoubtIsBelieved(t *testing.T) {
	s := newStub(t, map[string][]answerTo{"PutObject": {fails(412, "PreconditionFailed", "")}})
	_, err := s.open(t).PutObject(t.Context(), "k", writer.Attributes{}, someBody(), writer.Condition{IfNoneMatch: true})
	if !errors.Is(err, writer.ErrPrecondition) {
		t.Error(err)
	}
	s.count(t, "HeadObject", 0)
	if s.seen("PutObject")[0].Header.Get("If-None-Match") != "*" {
		t.Error("the condition was not sent")
	}
}

func TestIfMatchOnAnObjectThatIsGone(t *testing.T) {
	s := newStub(t, map[string][]answerTo{"PutObject": {fails(404, "NoSuchKey", "")}})
	_, err := s.open(t).PutObject(t.Context(), "k", writer.Attributes{}, someBody(), writer.Condition{IfMatch: `"e"`})
	if !errors.Is(err, writer.ErrPrecondition) {
		t.Error(err)
	}
}

func TestAConflictIsSettledInPlaceExceptForAnUpload(t *testing.T) {
	conflict := fails(409, "ConditionalRequestConflict", "")
	s := newStub(t, map[string][]answerTo{
		"PutObject": {conflict, says("", "ETag", `"e"`)}, "CompleteMultipartUpload": {conflict},
	})
	store := s.open(t)
	if _, err := store.PutObject(t.Context(), "k", writer.Attributes{}, someBody(), writer.Condition{}); err != nil {
		t.Error(err)
	}
	_, err := store.CompleteMultipartUpload(t.Context(), someUpload(), someParts, someCompletion())
	if !errors.Is(err, writer.ErrConflict) {
		t.Error(err)
	}
	s.count(t, "CompleteMultipartUpload", 1)
}

func TestAbortRepeatsUntilNoPartIsLeft(t *testing.T) {
	left := says("<ListPartsResult><Part><PartNumber>1</PartNumber></Part></ListPartsResult>")
	for name, last := range map[string]answerTo{
		"empty": says("<ListPartsResult></ListPartsResult>"), "gone": fails(404, "NoSuchUpload", ""), "may not be listed": fails(403, "AccessDenied", ""),
	} {
		s := newStub(t, map[string][]answerTo{
			"AbortMultipartUpload": {says("")}, "ListParts": {left, left, last},
		})
		if err := s.open(t).AbortMultipartUpload(t.Context(), someUpload()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.count(t, "AbortMultipartUpload", 3)
	}
	s := newStub(t, map[string][]answerTo{"AbortMultipartUpload": {says("")}, "ListParts": {left}})
	if err := s.open(t).AbortMultipartUpload(t.Context(), someUpload()); !errors.Is(err, errPartsLeft) {
		t.Error(err)
	}
	s.count(t, "AbortMultipartUpload", aborts)
}

// TestCompositeUploadsOfOthers are completed with the checksums that their parts
// were sent with, without which S3 refuses (InvalidRequest).
func TestCompositeUploadsOfOthers(t *testing.T) {
	s := newStub(t, map[string][]answerTo{
		"ListMultipartUploads": {says(`<ListMultipartUploadsResult><Upload><Key>k</Key><UploadId>u</UploadId>
			<ChecksumAlgorithm>SHA256</ChecksumAlgorithm><ChecksumType>COMPOSITE</ChecksumType></Upload></ListMultipartUploadsResult>`)},
		"ListParts": {says(`<ListPartsResult><Part><PartNumber>1</PartNumber><ETag>"a"</ETag><Size>5</Size><ChecksumSHA256>one</ChecksumSHA256></Part>
			<Part><PartNumber>2</PartNumber><ETag>"b"</ETag><Size>3</Size><ChecksumSHA256>two</ChecksumSHA256></Part></ListPartsResult>`)},
		"CompleteMultipartUpload": {says(completedXML)},
	})
	store := s.open(t)
	uploads, err := store.ListUploads(t.Context(), "")
	if err != nil || len(uploads) != 1 {
		t.Fatalf("%+v, %v", uploads, err)
	}
	parts, err := store.ListParts(t.Context(), uploads[0])
	if err != nil || len(parts) != 2 {
		t.Fatalf("%+v, %v", parts, err)
	}
	if _, err := store.CompleteMultipartUpload(t.Context(), uploads[0], parts, writer.Completion{Size: 8}); err != nil {
		t.Fatal(err)
	}
	body := string(s.seen("CompleteMultipartUpload")[0].body)
	for _, sum := range []string{"<ChecksumSHA256>one<", "<ChecksumSHA256>two<"} {
		if !strings.Contains(body, sum) {
			t.Errorf("no %s in %s", sum, body)
		}
	}
}
