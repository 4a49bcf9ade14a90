package faultproxy

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"time"
)

// before does what the rule says before the server hears of the request, and
// tells whether it shall.
func (p *Proxy) before(e *exchange, w http.ResponseWriter, r *http.Request) (forward bool) {
	switch e.fault.Action {
	case Answer:
		e.fault.answer(w, r)
		return false
	case Refuse:
		p.Refuse(e.fault.Wait)
		panic(http.ErrAbortHandler)
	case Delay:
		return sleep(r, time.After(e.fault.Wait))
	case Hold:
		return sleep(r, e.released)
	case Expire:
		if expired(r) {
			expiredToken.answer(w, r)
			return false
		}
	case CutRequest:
		r.Body = &cutBody{r.Body, e.fault.Bytes}
	case Corrupt:
		r.Body = &corruptBody{r.Body, e.fault.Bytes}
	}
	return true
}

// after does what the rule says when the server has answered.
func (r Rule) after(answer *http.Response) error {
	switch r.Action {
	case DropAnswer:
		_, err := io.Copy(io.Discard, answer.Body)
		if err != nil {
			return fmt.Errorf("read the answer that is dropped: %w", err)
		}
		return errBroken
	case CutAnswer:
		answer.Body = &cutBody{answer.Body, r.Bytes}
	case CorruptAnswer:
		answer.Body = &corruptBody{answer.Body, r.Bytes}
	}
	return nil
}

// sleep waits for until, unless the client goes away.
func sleep[T any](r *http.Request, until <-chan T) bool {
	select {
	case <-until:
		return true
	case <-r.Context().Done():
		return false
	}
}

// errorDocument is how S3 writes an error.
type errorDocument struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string
	Message   string
	RequestID string `xml:"RequestId"`
}

// answer takes the whole request, as S3 mostly does, and answers with an
// error. HEAD has no place for the document.
func (r Rule) answer(w http.ResponseWriter, request *http.Request) {
	if _, err := io.Copy(io.Discard, request.Body); err != nil {
		panic(http.ErrAbortHandler)
	}
	document, err := xml.Marshal(errorDocument{Code: r.Code, Message: "made by a rule", RequestID: "FAULTPROXY"})
	if err != nil {
		panic(err) // strings can be written as XML
	}
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("X-Amz-Request-Id", "FAULTPROXY")
	w.WriteHeader(r.Status)
	_, _ = fmt.Fprintf(w, "%s%s", xml.Header, document) // the client may be gone
}
