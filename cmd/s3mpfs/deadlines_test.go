package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/s3mpfs/s3mpfs/writer"
)

func TestDeadlines(t *testing.T) {
	var text bytes.Buffer
	d := newDeadlines(slog.New(slog.NewTextHandler(&text, nil)))
	begun := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	take := writer.Status{Key: "take", UploadID: "u1", Begun: begun, AbortDate: begun.Add(4 * day)}
	files := []writer.Status{
		take,
		{Key: "new", UploadID: "u2", Begun: begun.Add(3 * day), AbortDate: begun.Add(7 * day)},
		{Key: "without a rule", UploadID: "u3", Begun: begun},
		{Key: "not begun"},
	}
	for _, c := range []struct {
		files []writer.Status
		after time.Duration
		lines int
	}{
		{files, day, 0}, {files, 3*day + time.Hour, 1}, {files, 3*day + 2*time.Hour, 1},
		{nil, 3*day + 3*time.Hour, 1}, {files[1:], 6*day + time.Hour, 2},
	} {
		d.check(c.files, begun.Add(c.after))
		if got := strings.Count(text.String(), "level=WARN"); got != c.lines {
			t.Errorf("after %v: %d warnings, want %d:\n%s", c.after, got, c.lines, &text)
		}
	}
	if !strings.Contains(text.String(), "key=take upload_id=u1") || strings.Contains(text.String(), "without a rule") {
		t.Error(text.String())
	}
}
