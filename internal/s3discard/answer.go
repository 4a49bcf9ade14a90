package s3discard

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// refusal is an answer that is an error.
type refusal struct {
	status int
	code   string
}

func (r *refusal) Error() string { return r.code }

var (
	noSuchKey          = &refusal{404, "NoSuchKey"}
	noSuchUpload       = &refusal{404, "NoSuchUpload"}
	noConfiguration    = &refusal{404, "NoSuchConfiguration"}
	noLifecycle        = &refusal{404, "NoSuchLifecycleConfiguration"}
	preconditionFailed = &refusal{412, "PreconditionFailed"}
	invalidArgument    = &refusal{400, "InvalidArgument"}
	invalidRequest     = &refusal{400, "InvalidRequest"}
	invalidPart        = &refusal{400, "InvalidPart"}
	invalidPartOrder   = &refusal{400, "InvalidPartOrder"}
	invalidRange       = &refusal{416, "InvalidRange"}
	entityTooSmall     = &refusal{400, "EntityTooSmall"}
	entityTooLarge     = &refusal{400, "EntityTooLarge"}
	malformedXML       = &refusal{400, "MalformedXML"}
	notImplemented     = &refusal{501, "NotImplemented"}
)

// namespace of the documents that S3 sends and takes.
const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// writeXML answers with a document of the given name.
func writeXML(w http.ResponseWriter, status int, name string, v any) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	// Whatever fails here is the connection.
	_, _ = io.WriteString(w, xml.Header)
	_ = xml.NewEncoder(w).EncodeElement(v, xml.StartElement{Name: xml.Name{Space: namespace, Local: name}})
}

func writeError(w http.ResponseWriter, err error) {
	r, ok := err.(*refusal)
	if !ok {
		panic(http.ErrAbortHandler) // the connection broke
	}
	writeXML(w, r.status, "Error", struct{ Code, Message string }{r.code, r.code})
}

// later is an answer that begins after the latency.
type later struct {
	http.ResponseWriter
	latency time.Duration
}

func (l *later) WriteHeader(status int) {
	time.Sleep(l.latency)
	l.latency = 0
	l.ResponseWriter.WriteHeader(status)
}

// xmlTime is how S3 writes a time in a document.
func xmlTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// escape writes keys as the request asked for: XML cannot hold every key.
func escape(encoding, key string) string {
	if encoding != "url" {
		return key
	}
	return strings.ReplaceAll(url.QueryEscape(key), "%2F", "/")
}
