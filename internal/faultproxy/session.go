package faultproxy

import (
	"net/http"
	"strings"
	"time"
)

// sessionPrefix is how SessionToken's tokens begin.
const sessionPrefix = "until-"

// SessionToken makes a session token that a rule with Expire lets pass until
// the given time.
func SessionToken(until time.Time) string {
	return sessionPrefix + until.UTC().Format(time.RFC3339Nano)
}

// expired tells whether a request is signed with such a token past its time.
func expired(r *http.Request) bool {
	text, ours := strings.CutPrefix(r.Header.Get("X-Amz-Security-Token"), sessionPrefix)
	until, err := time.Parse(time.RFC3339Nano, text)
	return ours && err == nil && time.Now().After(until)
}

var expiredToken = Rule{Status: http.StatusBadRequest, Code: "ExpiredToken"}
