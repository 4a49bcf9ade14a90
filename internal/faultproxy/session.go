package faultproxy

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// sessionPrefix is how SessionToken's tokens begin.
const sessionPrefix = "until-"

// SessionToken makes a session token that a rule with Expire lets pass until
// the given time.
func SessionToken(until time.Time) string {
	return sessionPrefix + until.UTC().Format(time.RFC3339Nano)
}

// tokenHeader is where a request has its session token.
const tokenHeader = "X-Amz-Security-Token"

// expired tells whether a request is signed with such a token past its time.
func expired(r *http.Request) bool {
	text, ours := strings.CutPrefix(r.Header.Get(tokenHeader), sessionPrefix)
	until, err := time.Parse(time.RFC3339Nano, text)
	return ours && err == nil && time.Now().After(until)
}

var expiredToken = Rule{Status: http.StatusBadRequest, Code: "ExpiredToken"}

// signer signs requests anew that have a session token.
type signer struct {
	credentials aws.Credentials
	region      string
	v4          *v4.Signer
}

// SignSessions lets requests with a session token reach a server that knows of
// none: they are signed anew, with the server's own keys and without the token.
func (p *Proxy) SignSessions(accessKey, secretKey, region string) {
	p.signer.Store(&signer{
		aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}, region,
		v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }),
	})
}

func (s *signer) sign(r *http.Request) {
	if s == nil || r.Header.Get(tokenHeader) == "" {
		return
	}
	r.Header.Del(tokenHeader)
	r.Header.Del("Authorization")
	// It fails only for a body that it would have to read, which it is told the
	// hash of.
	_ = s.v4.SignHTTP(context.Background(), s.credentials, r, r.Header.Get("X-Amz-Content-Sha256"), "s3", s.region, time.Now())
}
