package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/s3mpfs/s3mpfs/internal/size"
)

// Limits of S3 that flags must respect.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
const (
	minPartSize = 5 * size.MiB
	maxPartSize = 5 * size.GiB
	maxTags     = 10
	// maxMetadata is for keys and values together.
	maxMetadata = 2 << 10
)

// check finds every flag that cannot be honoured, alone or together with
// others, and completes what was given in part. Each error names the flag and what to write instead.
func (s *settings) check() error {
	return errors.Join(
		s.checkEndpoint(),
		s.checkCredentials(),
		s.checkBucketOwner(),
		s.checkPartSize(),
		s.checkMemory(),
		s.checkConcurrency(),
		s.checkDurations(),
		s.checkRenameDirLimit(),
		s.checkEncryption(),
		s.checkStorageClass(),
		s.checkMetadata(),
		s.checkTagging(),
		s.checkPprof(),
		s.checkMetrics(),
		s.checkNoExec(),
	)
}

func (s *settings) checkEndpoint() error {
	if s.endpointURL == "" {
		return nil
	}
	u, err := url.Parse(s.endpointURL)
	switch {
	case err != nil, u.Host == "", u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("--endpoint-url %q is no address: write it as in https://minio.example:9000", s.endpointURL)
	case u.User != nil:
		return errors.New("--endpoint-url holds a password, which everybody could see: put credentials into the environment or ~/.aws/credentials")
	case strings.Trim(u.Path, "/") != "":
		return fmt.Errorf("--endpoint-url has the path %q: the bucket belongs into the argument BUCKET", u.Path)
	}
	return nil
}

func (s *settings) checkCredentials() error {
	if s.noSignRequest && s.profile != "" {
		return errors.New("--no-sign-request sends no credentials, so --profile has no effect: leave one of them out")
	}
	return nil
}

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

func (s *settings) checkBucketOwner() error {
	if s.expectedBucketOwner == "" || accountID.MatchString(s.expectedBucketOwner) {
		return nil
	}
	return fmt.Errorf("--expected-bucket-owner %q is no account: write its 12 digits, as in 111122223333", s.expectedBucketOwner)
}

func (s *settings) checkPartSize() error {
	switch {
	case s.partSize < minPartSize:
		return fmt.Errorf("--part-size %v is less than S3 takes: use %v or more", s.partSize, minPartSize)
	case s.partSize > maxPartSize:
		return fmt.Errorf("--part-size %v is more than S3 takes: use %v or less", s.partSize, maxPartSize)
	}
	return nil
}

func (s *settings) checkMemory() error {
	if s.memory < 4*s.partSize {
		return fmt.Errorf("--memory %v is less than four parts of --part-size %v: use %v or more, or smaller parts",
			s.memory, s.partSize, 4*s.partSize)
	}
	return nil
}

func (s *settings) checkConcurrency() error {
	if s.maxConcurrency < 1 || s.maxConcurrency > 1024 {
		return fmt.Errorf("--max-concurrency %d is out of range: use 1 to 1024", s.maxConcurrency)
	}
	return nil
}

func (s *settings) checkDurations() error {
	switch {
	case s.metadataTTL < 0:
		return fmt.Errorf("--metadata-ttl %v is negative: use 0 to remember nothing", s.metadataTTL)
	case s.abortStale < 0:
		return fmt.Errorf("--abort-stale %v is in the future: use for example 168h", s.abortStale)
	case s.retryTimeout <= 0:
		return fmt.Errorf("--retry-timeout %v leaves no time to retry: use for example 10m", s.retryTimeout)
	}
	return nil
}

func (s *settings) checkRenameDirLimit() error {
	if s.renameDirLimit < 1 {
		return fmt.Errorf("--rename-dir-limit %d moves no folder at all: use 1 or more", s.renameDirLimit)
	}
	return nil
}

func (s *settings) checkEncryption() error {
	if s.sseKMSKeyID != "" && !strings.HasPrefix(s.sse, "aws:kms") {
		return errors.New("--sse-kms-key-id needs --sse aws:kms")
	}
	return nil
}

// checkStorageClass leaves names that Amazon does not know to other stores.
func (s *settings) checkStorageClass() error {
	known := names(types.StorageClass("").Values())
	if s.storageClass == "" || s.endpointURL != "" || slices.Contains(known, s.storageClass) {
		return nil
	}
	return fmt.Errorf("--storage-class %q is unknown: use one of %s", s.storageClass, strings.Join(known, ", "))
}

// metadataKey is what may follow x-amz-meta- in a header's name.
var metadataKey = regexp.MustCompile(`^[a-z0-9!#$%&'*+.^_|~-]+$`)

func (s *settings) checkMetadata() error {
	total := 0
	for key, value := range s.metadata {
		if !metadataKey.MatchString(key) {
			return fmt.Errorf("--metadata %s=...: S3 takes keys of lower-case letters, digits and hyphens", key)
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
			return fmt.Errorf("--metadata %s=%q: S3 takes values of printable ASCII", key, value)
		}
		total += len(key) + len(value)
	}
	if total > maxMetadata {
		return fmt.Errorf("--metadata has %d bytes: S3 takes %d for all keys and values together", total, maxMetadata)
	}
	return nil
}

func (s *settings) checkTagging() error {
	if len(s.tagging) > maxTags {
		return fmt.Errorf("--tagging is given %d times: S3 takes %d tags", len(s.tagging), maxTags)
	}
	for key, value := range s.tagging {
		if len(key) > 128 || len(value) > 256 {
			return fmt.Errorf("--tagging %s=...: S3 takes 128 characters for a tag's key and 256 for its value", key)
		}
	}
	return nil
}

func (s *settings) checkPprof() error {
	if s.pprofAddr == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(s.pprofAddr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("--pprof-addr %q is not on this machine's loopback: use for example 127.0.0.1:6060", s.pprofAddr)
	}
	return nil
}

// checkMetrics puts the loopback in where no address is named: who wants others
// to see the metrics writes 0.0.0.0.
func (s *settings) checkMetrics() error {
	if s.metricsAddr == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(s.metricsAddr)
	if _, isNumber := strconv.ParseUint(port, 10, 16); err != nil || isNumber != nil {
		return fmt.Errorf("--metrics-addr %q is no address: write :9105, or 0.0.0.0:9105 to let other machines ask", s.metricsAddr)
	}
	s.metricsAddr = net.JoinHostPort(cmp.Or(host, "127.0.0.1"), port)
	return nil
}

// checkNoExec refuses what only root can ask of the kernel afterwards.
func (s *settings) checkNoExec() error {
	if s.noExec && os.Geteuid() != 0 {
		return errors.New("-o noexec needs root: leave it out, and --file-mode without x keeps files from being run")
	}
	return nil
}
