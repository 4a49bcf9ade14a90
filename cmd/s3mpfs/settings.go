package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/size"
	"github.com/s3mpfs/s3mpfs/writer"
)

// settings are what a mount was asked for: its flags and arguments.
type settings struct {
	bucket     string
	prefix     string // empty, or ends with a slash
	mountpoint string // absolute, without symlinks
	foreground bool
	options    []string // of -o, each a list with commas
	noExec     bool     // by -o noexec

	endpointURL         string
	region              string
	profile             string
	noSignRequest       bool
	forcePathStyle      bool
	requesterPays       bool
	expectedBucketOwner string

	acl          string
	contentType  string
	storageClass string
	sse          string
	sseKMSKeyID  string
	cacheControl string
	metadata     pairs
	tagging      pairs

	partSize       size.Size
	memory         size.Size
	maxConcurrency int
	checksum       string
	uniformParts   bool
	retryTimeout   time.Duration
	maxHole        size.Size

	abortStale     time.Duration // 0: never
	readOnly       bool
	allowOther     bool
	uid            uint32
	gid            uint32
	fileMode       mode
	dirMode        mode
	preserve       string
	metadataTTL    time.Duration
	renameDirLimit int
	atomic         bool
	onKill         string
	fsync          string
	writeBehind    bool

	foreignAttributes bool

	logLevel  string
	logFormat string
	logFile   string
	pprofAddr string

	metricsAddr string
}

// defaultSettings are those of a mount without flags.
func defaultSettings() *settings {
	return &settings{
		metadata:       pairs{},
		tagging:        pairs{},
		partSize:       10 * size.MiB,
		memory:         512 * size.MiB,
		maxConcurrency: 64,
		checksum:       writer.CRC64NVME.String(),
		retryTimeout:   10 * time.Minute,
		maxHole:        size.GiB,
		uid:            uint32(os.Getuid()),
		gid:            uint32(os.Getgid()),
		fileMode:       0o644,
		dirMode:        0o755,
		preserve:       "all",
		metadataTTL:    time.Second,
		renameDirLimit: 10_000,
		onKill:         "publish",
		fsync:          "publish",
		logLevel:       "info",
		logFormat:      "text",
	}
}

// setTarget reads BUCKET[/PREFIX], also as s3://BUCKET/PREFIX and with the ARN
// of an access point in the bucket's place.
func (s *settings) setTarget(arg string) error {
	s.bucket, s.prefix = splitTarget(strings.TrimPrefix(arg, "s3://"))
	if err := checkBucket(s.bucket); err != nil {
		return err
	}
	if s.prefix = strings.TrimSuffix(s.prefix, "/"); s.prefix == "" {
		return nil
	}
	for part := range strings.SplitSeq(s.prefix, "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("PREFIX %q has a part that cannot be a folder's name: write it as in bucket/some/folder", s.prefix)
		}
	}
	s.prefix += "/"
	return nil
}

func splitTarget(target string) (bucket, prefix string) {
	bucket, prefix, _ = strings.Cut(target, "/")
	if strings.HasPrefix(bucket, "arn:") {
		var name string
		name, prefix, _ = strings.Cut(prefix, "/")
		bucket += "/" + name
	}
	return bucket, prefix
}

// checkBucket refuses what no store takes as a bucket's name.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
func checkBucket(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("BUCKET is empty: write it as in my-bucket/some/folder")
	case strings.HasPrefix(name, "arn:"):
		return nil
	case strings.ToLower(name) != name:
		return fmt.Errorf("BUCKET %q has upper-case letters, which no bucket's name has: did you mean %q?", name, strings.ToLower(name))
	case len(name) < 3 || len(name) > 255 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "":
		return fmt.Errorf("BUCKET %q is no bucket's name: it has 3 to 63 lower-case letters, digits, dots and hyphens", name)
	}
	return nil
}
