package s3store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/s3mpfs/s3mpfs/writer"
)

// Check makes sure that the bucket exists and may be listed, within seconds.
// A bucket that is in another region than was thought is followed there. The
// error says what is wrong and what to do.
func (s *Store) Check(ctx context.Context) error {
	err := s.checkList(ctx)
	region := regionIn(err)
	if region != "" && region != s.Region() {
		s.adopt(region)
		err = s.checkList(ctx)
	}
	return s.explain(err)
}

func (s *Store) checkList(ctx context.Context) error {
	op := &operation{name: "ListObjectsV2", words: "list bucket " + s.cfg.Bucket, mount: true}
	_, _, _, err := s.list(ctx, op, "/", "", 1)
	return err
}

// Region is the region that requests are signed for.
func (s *Store) Region() string { return s.client.Load().Options().Region }

// endpoint is the address for people.
func (s *Store) endpoint() string {
	if base := s.client.Load().Options().BaseEndpoint; base != nil {
		return *base
	}
	return "Amazon S3 in " + s.Region()
}

// explain adds to an error what to do about it.
func (s *Store) explain(err error) error {
	var e *writer.StoreError
	if !errors.As(err, &e) {
		return err
	}
	if advice := s.advice(e); advice != "" {
		return fmt.Errorf("%w\n%s", err, advice)
	}
	return err
}

// advice says what to do about a failure at mount time.
func (s *Store) advice(e *writer.StoreError) string {
	switch e.Code {
	case "NoSuchBucket", "NotFound":
		return fmt.Sprintf("There is no bucket %q at %s: check its name, --endpoint-url and --region.", s.cfg.Bucket, s.endpoint())
	case "InvalidAccessKeyId", "InvalidClientTokenId", "XAdminUserNotFound": // versitygw's
		return fmt.Sprintf("%s does not know this access key: check --profile and AWS_ACCESS_KEY_ID, and whether --endpoint-url is the store they belong to.", s.endpoint())
	case "SignatureDoesNotMatch":
		return "The secret access key does not belong to the access key: check --profile and AWS_SECRET_ACCESS_KEY."
	case "RequestTimeTooSkewed":
		return "The clock of this machine is wrong: set it, for example with `timedatectl set-ntp true`."
	case "ExpiredToken", "RequestExpired", "InvalidToken", "TokenRefreshRequired":
		return "The session token is expired or wrong: log in again (`aws sso login`) or renew AWS_SESSION_TOKEN."
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
		return fmt.Sprintf("The bucket is not in the region %s: name its region with --region.", s.Region())
	case "RequestTimeout":
		return ""
	}
	switch {
	case e.Class == writer.ErrAccess:
		return s.accessAdvice()
	case e.Class == writer.ErrCredentials:
		return "Give credentials with --profile, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or `aws configure`; for a public bucket use --no-sign-request."
	case e.Status >= 300 && e.Status < 400:
		return "The endpoint sends requests elsewhere: name the right one with --endpoint-url, and the bucket's region with --region."
	}
	return s.connectionAdvice(e)
}

func (s *Store) accessAdvice() string {
	if s.cfg.NoSignRequest {
		return "The bucket is not public: leave --no-sign-request out and give credentials."
	}
	return fmt.Sprintf("These credentials need the permission s3:ListBucket on the bucket %q (arn:aws:s3:::%s).", s.cfg.Bucket, s.cfg.Bucket)
}

// connectionAdvice is for failures without an answer of S3.
func (s *Store) connectionAdvice(err error) string {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &dns):
		return fmt.Sprintf("The name %s cannot be resolved: check --endpoint-url, --region and the network.", dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("Nothing answers at %s: check --endpoint-url and whether the server runs.", s.endpoint())
	case errors.As(err, &certificate):
		return "The server's certificate is not trusted: check --endpoint-url, or name its authority's certificate in AWS_CA_BUNDLE."
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &record), strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		return "The server does not speak TLS: write --endpoint-url with http://."
	}
	return fmt.Sprintf("%s does not answer as S3 does: check --endpoint-url and the network.", s.endpoint())
}
