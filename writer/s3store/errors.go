package s3store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/s3mpfs/s3mpfs/writer"
)

// remedy is what may help against a failure.
type remedy uint8

const (
	none             remedy = iota // final
	waitAndRetry                   // passes by itself
	retryOnceReached               // passes by itself if the endpoint has ever answered; else the address is wrong
	sendAgain                      // the bytes were spoilt on the way, there or back
	renewAndRetry                  // the credentials have expired
	renewAndLook                   // probably final, unless the credentials were replaced
	inPlace                        // a conflict, which some operations try again in place
)

// codes is the table of S3's error codes, Amazon's and those of other stores.
var codes = map[string]struct {
	class  error
	remedy remedy
}{
	"NoSuchKey":    {writer.ErrNotFound, none},
	"NotFound":     {writer.ErrNotFound, none}, // the SDK's name for a HEAD's 404
	"NoSuchBucket": {writer.ErrNoSuchBucket, none},
	"NoSuchUpload": {writer.ErrNoSuchUpload, none},

	"PreconditionFailed":         {writer.ErrPrecondition, none},
	"ConditionalRequestConflict": {writer.ErrConflict, inPlace},
	"OperationAborted":           {writer.ErrConflict, waitAndRetry},

	"AccessDenied":      {writer.ErrAccess, none},
	"AllAccessDisabled": {writer.ErrAccess, none},
	"AccountProblem":    {writer.ErrAccess, none},

	"ExpiredToken":                 {writer.ErrCredentials, renewAndRetry},
	"ExpiredTokenException":        {writer.ErrCredentials, renewAndRetry},
	"InvalidToken":                 {writer.ErrCredentials, renewAndRetry},
	"InvalidClientTokenId":         {writer.ErrCredentials, renewAndRetry},
	"RequestExpired":               {writer.ErrCredentials, renewAndRetry},
	"TokenRefreshRequired":         {writer.ErrCredentials, renewAndRetry},
	"InvalidAccessKeyId":           {writer.ErrCredentials, renewAndLook},
	"XAdminUserNotFound":           {writer.ErrCredentials, renewAndLook},
	"SignatureDoesNotMatch":        {writer.ErrCredentials, renewAndLook},
	"RequestTimeTooSkewed":         {writer.ErrCredentials, renewAndLook}, // the SDK learns the store's time
	"AuthorizationHeaderMalformed": {writer.ErrCredentials, none},
	"InvalidSecurity":              {writer.ErrCredentials, none},
	"NotSignedUp":                  {writer.ErrCredentials, none},

	"InvalidObjectState": {writer.ErrArchived, none},
	"ObjectLocked":       {writer.ErrLocked, none},

	"QuotaExceeded":                  {writer.ErrQuota, none},
	"InsufficientStorage":            {writer.ErrQuota, none},
	"InsufficientCapacity":           {writer.ErrQuota, none},
	"StorageFull":                    {writer.ErrQuota, none},
	"XMinioStorageFull":              {writer.ErrQuota, none},
	"XMinioAdminBucketQuotaExceeded": {writer.ErrQuota, none},
	"AccountStorageLimitExceeded":    {writer.ErrQuota, none},
	"StorageCapExceeded":             {writer.ErrQuota, none},
	"EntityTooLarge":                 {writer.ErrTooLarge, none},

	"BadDigest":                   {writer.ErrChecksum, sendAgain},
	"XAmzContentChecksumMismatch": {writer.ErrChecksum, sendAgain},
	"XAmzContentSHA256Mismatch":   {writer.ErrChecksum, sendAgain},
	"IncompleteBody":              {writer.ErrUnavailable, waitAndRetry},

	"InternalError":           {writer.ErrUnavailable, waitAndRetry},
	"ServiceUnavailable":      {writer.ErrUnavailable, waitAndRetry},
	"Busy":                    {writer.ErrUnavailable, waitAndRetry},
	"RequestTimeout":          {writer.ErrUnavailable, waitAndRetry},
	"RequestTimeoutException": {writer.ErrUnavailable, waitAndRetry},
	"SlowDown":                {writer.ErrUnavailable, waitAndRetry},
	"SlowDownRead":            {writer.ErrUnavailable, waitAndRetry},
	"SlowDownWrite":           {writer.ErrUnavailable, waitAndRetry},
	"Throttling":              {writer.ErrUnavailable, waitAndRetry},
	"ThrottlingException":     {writer.ErrUnavailable, waitAndRetry},
	"RequestLimitExceeded":    {writer.ErrUnavailable, waitAndRetry},
	"BandwidthLimitExceeded":  {writer.ErrUnavailable, waitAndRetry},
	"TooManyRequests":         {writer.ErrUnavailable, waitAndRetry},
	"TemporaryRedirect":       {writer.ErrUnavailable, waitAndRetry},

	"NotImplemented":   {writer.ErrUnsupported, none},
	"XNotImplemented":  {writer.ErrUnsupported, none},
	"MethodNotAllowed": {writer.ErrUnsupported, none},
}

// byStatus classifies an answer whose code is not in the table.
func byStatus(status int) (remedy, error) {
	switch status {
	case http.StatusUnauthorized:
		return renewAndLook, writer.ErrCredentials
	case http.StatusForbidden:
		return none, writer.ErrAccess
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return none, writer.ErrUnsupported
	case http.StatusPreconditionFailed:
		return none, writer.ErrPrecondition
	case http.StatusConflict:
		return none, writer.ErrConflict
	case http.StatusRequestEntityTooLarge:
		return none, writer.ErrTooLarge
	case http.StatusInsufficientStorage:
		return none, writer.ErrQuota
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusTooEarly, http.StatusTemporaryRedirect:
		return waitAndRetry, writer.ErrUnavailable
	}
	if status >= 300 && status < 500 {
		return none, writer.ErrInvalid
	}
	return waitAndRetry, writer.ErrUnavailable
}

// failure is one attempt that failed.
type failure struct {
	*writer.StoreError
	sent bool // the request may have reached the store
	cure remedy
}

// remedy is what may help the operation.
func (f *failure) remedy(op *operation) remedy {
	switch {
	case f.cure == inPlace && op.settle:
		return waitAndRetry
	case f.Status == http.StatusBadRequest && f.Code == "BadRequest":
		// The answer to a HEAD has no body to tell an expired token from the rest.
		return renewAndLook
	case f.Class == writer.ErrChecksum && op.body == nil && !errors.Is(f.Err, errDamaged):
		return none // nothing was sent that the wire could have spoilt
	}
	return f.cure
}

// ambiguous says that the request may have taken effect.
func (f *failure) ambiguous() bool {
	return f.sent && (f.Status < 300 || f.Status >= 500)
}

// newFailure classifies err, nil if there is none.
func newFailure(op *operation, w *watch, err error) *failure {
	if err == nil {
		return nil
	}
	f := &failure{StoreError: &writer.StoreError{Op: op.words, Key: op.key}, sent: w.sent}
	var api smithy.APIError
	var response *awshttp.ResponseError
	var region string
	if errors.As(err, &response) {
		f.Status, f.RequestID = response.HTTPStatusCode(), response.RequestID
		region = response.Response.Header.Get("X-Amz-Bucket-Region")
	}
	switch {
	case errors.As(err, &api):
		f.fromAnswer(api, region, err)
	case f.Status >= 300:
		f.cure, f.Class = byStatus(f.Status)
		f.Err = &cause{http.StatusText(f.Status), err, region}
	default:
		f.fromTransport(w, err)
	}
	if errors.Is(f.Err, io.EOF) { // by which a reader knows the end of a file
		f.Err = &cause{text: f.Err.Error(), err: io.ErrUnexpectedEOF, region: region}
	}
	return f
}

// fromAnswer classifies an error that the store has sent.
func (f *failure) fromAnswer(api smithy.APIError, region string, err error) {
	f.Code = api.ErrorCode()
	text := api.ErrorMessage()
	if text == "" || text == "UnknownError" { // the SDK's word for no message
		text = fmt.Sprintf("HTTP status %d", f.Status)
	}
	f.Err = &cause{text, err, region}
	if known, ok := codes[f.Code]; ok && !(f.Code == "NotFound" && f.Status != http.StatusNotFound) {
		f.Class, f.cure = known.class, known.remedy
	} else {
		f.cure, f.Class = byStatus(f.Status)
	}
	if f.cure == none && isLock(text) {
		f.Class = writer.ErrLocked
	}
}

// isLock reports that object lock is what a refusal is about, for which S3 has
// no code of its own: Amazon says AccessDenied ("... because object protected
// by object lock"), MinIO and versitygw InvalidRequest ("Object is WORM
// protected and cannot be overwritten").
func isLock(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "object lock") && strings.Contains(text, "protected") || strings.Contains(text, "worm protected")
}

// fromTransport classifies an error for want of an answer.
func (f *failure) fromTransport(w *watch, err error) {
	f.Class, f.cure = writer.ErrUnavailable, waitAndRetry
	f.Err, f.Status = innermost(err), max(f.Status, w.status)
	var credentials *credentialsError
	var dial *net.OpError
	switch {
	case errors.As(err, &credentials):
		f.Class, f.cure, f.Err = writer.ErrCredentials, retryOnceReached, credentials
	case errors.Is(err, errDamaged):
		f.Class, f.cure = writer.ErrChecksum, sendAgain
	case errors.Is(err, errReplaced):
		f.Class, f.cure = writer.ErrPrecondition, none
	case errors.Is(err, errRange):
		f.Class, f.cure = writer.ErrInvalid, none
	case errors.Is(err, context.Canceled):
		f.cure = none
	case !f.sent:
		f.Class, f.cure = writer.ErrInvalid, none
	case isTrust(err):
		f.cure, f.sent = retryOnceReached, false
	case errors.As(err, &dial) && dial.Op == "dial":
		f.cure, f.sent = retryOnceReached, false
	}
}

// isTrust reports a failure to set TLS up.
func isTrust(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	return errors.As(err, &certificate) || errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch)
}

// cause is an error with a shorter text than the SDK's, which repeats the
// operation, the status and the request ID.
type cause struct {
	text   string
	err    error
	region string // that the store says is the right one, empty if it does not
}

func (c *cause) Error() string { return c.text }
func (c *cause) Unwrap() error { return c.err }

// innermost leaves out the SDK's and net/http's way of saying where an error
// came from.
func innermost(err error) error {
	var operation *smithy.OperationError
	var send *smithyhttp.RequestSendError
	text := err
	if errors.As(text, &operation) {
		text = operation.Err
	}
	if errors.As(text, &send) {
		text = send.Err
	}
	return &cause{text: text.Error(), err: err}
}
