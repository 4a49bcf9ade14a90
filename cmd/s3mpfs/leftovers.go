package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/panics"
	"github.com/s3mpfs/s3mpfs/writer"
	"github.com/s3mpfs/s3mpfs/writer/s3store"
)

// leftoverStore is what looking after leftovers needs of S3.
type leftoverStore interface {
	ListUploads(ctx context.Context, prefix string) ([]writer.Upload, error)
	AbortMultipartUpload(ctx context.Context, u writer.Upload) error
	AbortsUploadsAfter(ctx context.Context, prefix string) (time.Duration, error)
	List(ctx context.Context, prefix, delimiter, token string, limit int32) (objects []writer.Object, prefixes []string, next string, err error)
	DeleteObject(ctx context.Context, key string) error
}

var _ leftoverStore = (*s3store.Store)(nil)

// leftovers looks, once a mount is there, for uploads that began before it
// under its prefix, for copies of removed files (removed.go), and for the
// bucket's own way to get rid of uploads. Nothing
// that it finds, or may not find out, harms the mount.
type leftovers struct {
	settings *settings
	store    leftoverStore
	log      *slog.Logger
	since    time.Time // of the mount
}

func (l *leftovers) look(ctx context.Context) {
	var fault error // in the log already
	defer panics.Catch(l.log, &fault)
	l.checkRule(ctx)
	l.lookForCopies(ctx)
	l.lookForUploads(ctx)
}

// clears tells whether something of that age is to be cleared away.
func (l *leftovers) clears(age time.Duration) bool {
	return l.settings.abortStale > 0 && age >= l.settings.abortStale && !l.settings.readOnly
}

func (l *leftovers) lookForUploads(ctx context.Context) {
	uploads, err := l.store.ListUploads(ctx, l.settings.prefix)
	if err != nil {
		l.unknown(ctx, "cannot tell whether uploads were left in the bucket", err)
		return
	}
	var kept []writer.Upload
	for _, u := range uploads {
		switch age := l.since.Sub(u.Initiated); {
		case age <= 0:
		case l.clears(age):
			l.abort(ctx, u)
		default:
			kept = append(kept, u)
		}
	}
	l.report(kept)
}

// checkRule warns where nothing would ever free what a dead machine leaves.
func (l *leftovers) checkRule(ctx context.Context) {
	after, err := l.store.AbortsUploadsAfter(ctx, l.settings.prefix)
	switch {
	case errors.Is(err, writer.ErrUnsupported):
	case err != nil:
		l.unknown(ctx, "cannot tell whether the bucket aborts incomplete uploads", err)
	case after == 0:
		l.log.Warn("no lifecycle rule of the bucket aborts incomplete uploads: what a dead machine leaves is billed until somebody aborts it; "+
			"add a rule with AbortIncompleteMultipartUpload", "bucket", l.settings.bucket)
	default:
		l.log.Info("a lifecycle rule of the bucket aborts incomplete uploads: a file must not be written for longer than that",
			"bucket", l.settings.bucket, "days", int(after/(24*time.Hour)))
	}
}

// unknown logs what could not be found out, unless the mount has ended.
func (l *leftovers) unknown(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		l.log.Info(what, "bucket", l.settings.bucket, "error", err)
	}
}

func (l *leftovers) abort(ctx context.Context, u writer.Upload) {
	if err := l.store.AbortMultipartUpload(ctx, u); err != nil {
		l.log.Warn("a stale upload could not be aborted", "key", u.Key, "upload_id", u.ID, "initiated", u.Initiated, "error", err)
		return
	}
	l.log.Info("stale upload aborted", "key", u.Key, "upload_id", u.ID, "initiated", u.Initiated)
}

// mostReported bounds the lines about uploads that were left.
const mostReported = 10

func (l *leftovers) report(uploads []writer.Upload) {
	for _, u := range uploads[:min(len(uploads), mostReported)] {
		l.log.Warn("an upload of before this mount is neither completed nor aborted",
			"key", u.Key, "upload_id", u.ID, "initiated", u.Initiated)
	}
	if more := len(uploads) - mostReported; more > 0 {
		l.log.Warn("there are more such uploads", "more", more, "to_list", l.settings.uploadsCommand("list", writer.Upload{Key: l.settings.prefix}))
	}
}

// uploadsCommand is the command line that lists, completes or aborts u.
func (s *settings) uploadsCommand(verb string, u writer.Upload) string {
	words := []string{"s3mpfs", "uploads", verb, s.bucket + "/" + u.Key}
	if u.ID != "" {
		words = append(words, "--upload-id", u.ID)
	}
	return s.commandLine(words...)
}

// commandLine is words as a shell reads them, with the options that lead s3mpfs
// and the AWS CLI alike to the bucket.
func (s *settings) commandLine(words ...string) string {
	for _, option := range [][2]string{
		{"--endpoint-url", s.endpointURL}, {"--region", s.region}, {"--profile", s.profile},
	} {
		if option[1] != "" {
			words = append(words, option[0], option[1])
		}
	}
	for i := range words {
		words[i] = shellQuoted(words[i])
	}
	return strings.Join(words, " ")
}

// shellQuoted is text as one word of a shell's command line.
func shellQuoted(text string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:@%,"
	if strings.Trim(text, plain) == "" && text != "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
