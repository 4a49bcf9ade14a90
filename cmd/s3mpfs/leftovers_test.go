package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/s3mpfs/s3mpfs/writer"
)

// littered is a bucket with uploads, by their age in hours.
type littered struct {
	ages     []int
	rule     time.Duration
	ruleErr  error
	listErr  error
	abortErr error
	aborted  []string
	copies   []int // of removed files, by their age in hours
	deleted  []string
}

func (l *littered) ListUploads(context.Context, string) (uploads []writer.Upload, err error) {
	for _, age := range l.ages {
		uploads = append(uploads, writer.Upload{Key: fmt.Sprintf("raw/%d", age), ID: "u", Initiated: time.Now().Add(-time.Duration(age) * time.Hour)})
	}
	return uploads, l.listErr
}

func (l *littered) AbortMultipartUpload(_ context.Context, u writer.Upload) error {
	l.aborted = append(l.aborted, u.Key)
	return l.abortErr
}

func (l *littered) AbortsUploadsAfter(context.Context, string) (time.Duration, error) {
	return l.rule, l.ruleErr
}

// List gives a copy a page.
func (l *littered) List(_ context.Context, prefix, _, token string, _ int32) (objects []writer.Object, _ []string, next string, err error) {
	n, _ := strconv.Atoi(token)
	if n < len(l.copies) {
		made := time.Now().Add(-time.Duration(l.copies[n]) * time.Hour)
		objects = []writer.Object{{Key: fmt.Sprint(prefix, l.copies[n]), Size: mib, LastModified: made}}
		next = strconv.Itoa(n + 1)
	}
	return objects, nil, next, l.listErr
}

func (l *littered) DeleteObject(_ context.Context, key string) error {
	l.deleted = append(l.deleted, key)
	return l.abortErr
}

// look gives the lines of the log.
func (l *littered) look(s *settings) []string {
	var log bytes.Buffer
	s.bucket, s.prefix = "films", "raw/"
	(&leftovers{s, l, slog.New(adviser{slog.NewTextHandler(&log, nil), s}), time.Now()}).look(context.Background())
	return slices.Collect(strings.Lines(log.String()))
}

func TestLeftovers(t *testing.T) {
	const none = `level=WARN msg="no lifecycle rule`
	for name, c := range map[string]struct {
		bucket   littered
		settings settings
		log      []string
		aborted  []string
	}{
		"nothing":                   {log: []string{none}},
		"a rule":                    {bucket: littered{rule: 72 * time.Hour}, log: []string{"days=3"}},
		"a store without rules":     {bucket: littered{ruleErr: writer.ErrUnsupported}},
		"no permission":             {bucket: littered{ruleErr: writer.ErrAccess, listErr: writer.ErrAccess}, log: []string{"level=INFO", "level=INFO", "level=INFO"}},
		"old uploads and a new":     {bucket: littered{ages: []int{2, -1, 30}}, log: []string{none, "key=raw/2", "uploads complete films/raw/30 --upload-id u"}},
		"a bound":                   {bucket: littered{ages: slices.Repeat([]int{1}, 12)}, log: append(append([]string{none}, slices.Repeat([]string{"key=raw/1"}, 10)...), `more=2 to_list="s3mpfs uploads list films/raw/"`)},
		"stale ones":                {bucket: littered{ages: []int{2, -1, 30}}, settings: settings{abortStale: 24 * time.Hour}, log: []string{none, "stale upload aborted", "key=raw/2"}, aborted: []string{"raw/30"}},
		"stale ones, read-only":     {bucket: littered{ages: []int{30}}, settings: settings{abortStale: 24 * time.Hour, readOnly: true}, log: []string{none, "key=raw/30"}},
		"stale ones, no permission": {bucket: littered{ages: []int{30}, abortErr: errors.New("denied")}, settings: settings{abortStale: time.Hour}, log: []string{none, "error=denied"}, aborted: []string{"raw/30"}},
	} {
		log := c.bucket.look(&c.settings)
		if len(log) != len(c.log) || !slices.Equal(c.bucket.aborted, c.aborted) {
			t.Errorf("%s: aborted %v, want %v; log %q", name, c.bucket.aborted, c.aborted, log)
			continue
		}
		for i, want := range c.log {
			if !strings.Contains(log[i], want) {
				t.Errorf("%s: line %d is %q, want %q", name, i+1, log[i], want)
			}
		}
	}
}

// TestCopiesOfRemovedFiles: those of before the mount are told, or deleted with
// --abort-stale; those of a mount that began later are nobody's here.
func TestCopiesOfRemovedFiles(t *testing.T) {
	for name, c := range map[string]struct {
		bucket   littered
		settings settings
		log      []string
		deleted  []string
	}{
		"told": {bucket: littered{copies: []int{2, -1, 30}},
			log: []string{`objects=2 size="2.0 MiB" to_delete="aws s3 rm --recursive s3://films/raw/.s3mpfs-removed/"`}},
		"stale":               {bucket: littered{copies: []int{30, -1}}, settings: settings{abortStale: 24 * time.Hour}, log: []string{"stale copy of a removed file deleted"}, deleted: []string{"raw/.s3mpfs-removed/30"}},
		"not stale":           {bucket: littered{copies: []int{3}}, settings: settings{abortStale: 24 * time.Hour}, log: []string{"objects=1"}},
		"stale, read-only":    {bucket: littered{copies: []int{30}}, settings: settings{abortStale: time.Hour, readOnly: true}, log: []string{"objects=1"}},
		"stale, no right":     {bucket: littered{copies: []int{30}, abortErr: errors.New("denied")}, settings: settings{abortStale: time.Hour}, log: []string{"error=denied"}, deleted: []string{"raw/.s3mpfs-removed/30"}},
		"no right to look":    {bucket: littered{copies: []int{30}, listErr: writer.ErrAccess}, log: []string{"copies of removed files were left", "uploads were left"}},
		"none of before this": {bucket: littered{copies: []int{-1}}},
	} {
		c.bucket.ruleErr = writer.ErrUnsupported // says nothing
		log := c.bucket.look(&c.settings)
		if len(log) != len(c.log) || !slices.Equal(c.bucket.deleted, c.deleted) {
			t.Errorf("%s: deleted %v, want %v; log %q", name, c.bucket.deleted, c.deleted, log)
			continue
		}
		for i, want := range c.log {
			if !strings.Contains(strings.ReplaceAll(log[i], `\"`, `"`), want) {
				t.Errorf("%s: line %d is %q, want %q", name, i+1, log[i], want)
			}
		}
	}
}

// TestUploadsCommandIsWhatAShellReads: the command may be pasted.
func TestUploadsCommandIsWhatAShellReads(t *testing.T) {
	s := &settings{bucket: "films", endpointURL: "https://minio.example:9000", profile: "my work"}
	line := s.uploadsCommand("complete", writer.Upload{Key: "it's a `take` $1;\n2", ID: "a/b+c="})
	out, err := exec.Command("sh", "-c", strings.Replace(line, "s3mpfs", `printf '%s|'`, 1)).Output()
	want := "uploads|complete|films/it's a `take` $1;\n2|--upload-id|a/b+c=|--endpoint-url|https://minio.example:9000|--profile|my work|"
	if err != nil || string(out) != want {
		t.Errorf("%s\nis read as %q, %v", line, out, err)
	}
}
