package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"slices"
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
		"no permission":             {bucket: littered{ruleErr: writer.ErrAccess, listErr: writer.ErrAccess}, log: []string{"level=INFO", "level=INFO"}},
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
