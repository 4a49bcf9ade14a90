package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/control"
)

func TestStatusForPeople(t *testing.T) {
	s := control.Status{
		Bucket: "films", Prefix: "raw/", Mountpoint: "/mnt", PID: 42, Since: time.Now().Add(-time.Hour),
		MemoryUsed: 30 * mib, MemoryLimit: 512 * mib, Concurrency: 12, FilesFailed: 12,
		S3: control.S3{Requests: 1234, Errors: 1, Retries: 2, Throttled: 3, BytesSent: 5 * mib},
		Files: []control.File{
			{Path: "take\x1b[2J", Size: 35 * mib, BytesSent: 20 * mib, Rate: 7 * mib, State: "dirty", PartsSent: 2,
				PartsInFlight: 1, PartsRetained: 4, Since: time.Now().Add(-time.Minute), Retries: 6, LastFault: "SlowDown"},
			{Path: "lost", State: "failed", Error: "AccessDenied", Since: time.Now()},
		},
	}
	s.Failures = []control.Failure{{Path: "/behind", Error: "AccessDenied"}}
	var out bytes.Buffer
	if err := printStatus(&out, s, false); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	for i, want := range []string{
		"films/raw/ at /mnt, process 42 for 1h0m0s",
		"memory: 30 MiB of 512 MiB",
		"1,234 requests, 1 error, 2 retries, 3 throttled; 5.0 MiB sent, 0 B received; up to 12 at once",
		"12 files failed since the mount began; the log names each",
		"not durable: /behind: AccessDenied",
		"PATH SIZE SENT RATE PARTS IN FLIGHT KEPT AGE RETRIES STATE",
		`"take\x1b[2J" 35 MiB 20 MiB 7.0 MiB/s 2 1 4 1m0s 6 dirty, after SlowDown`,
		"lost 0 B 0 B 0 B/s 0 0 0 0s 0 failed: AccessDenied",
	} {
		if got := strings.Join(strings.Fields(lines[i]), " "); !strings.Contains(got, want) {
			t.Errorf("line %d is %q, want %q", i+1, got, want)
		}
	}
	s.Files, s.Ending, s.AttributesPending = nil, true, 3
	for i := range 11 {
		s.Failures = append(s.Failures, control.Failure{Path: fmt.Sprint("/n", i), Error: "no"})
	}
	s.Renames = []control.Rename{{From: "/a/", To: "/b/", Since: time.Now(), Objects: 3000, Copied: 2000, Deleted: 1, Bytes: 5 * mib, BytesCopied: mib}}
	out.Reset()
	if err := printStatus(&out, s, false); err != nil || !strings.Contains(out.String(), "ending") || !strings.Contains(out.String(), "no file") ||
		!strings.Contains(out.String(), "/n8") || strings.Contains(out.String(), "/n9") || !strings.Contains(out.String(), "and 2 more") {
		t.Errorf("%v:\n%s", err, &out)
	}
	if want := "extended attributes of 3 names still to be stored"; !strings.Contains(out.String(), want) {
		t.Errorf("no %q in\n%s", want, &out)
	}
	if want := "renaming /a/ to /b/ for 0s: 2,000 of 3,000 objects copied, 1.0 MiB of 5.0 MiB; 1 deleted"; !strings.Contains(out.String(), want) {
		t.Errorf("no %q in\n%s", want, &out)
	}
}

func TestRedrawnOverwrites(t *testing.T) {
	if got := redrawn("a\nb\n"); got != "\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J" {
		t.Errorf("%q", got)
	}
	var pipe bytes.Buffer
	if err := show(&pipe, "a\n", false); err != nil || pipe.String() != "a\n" {
		t.Errorf("a pipe got %q, %v", &pipe, err)
	}
}

// TestFitted: what is longer or wider than the terminal would scroll, and leave
// a heap of old pages above.
func TestFitted(t *testing.T) {
	const page = "head\n1\n2\n3\n4\n5 is äääääwide\n"
	for _, row := range []struct {
		rows, columns int
		want          string
	}{
		{24, 80, page},
		{0, 0, page},
		{7, 80, page},
		{6, 80, "head\n1\n2\n3\n  ... and 2 more lines\n"},
		{24, 10, "head\n1\n2\n3\n4\n5 is ääää\n"},
	} {
		if got := fitted(page, row.rows, row.columns); got != row.want {
			t.Errorf("%d x %d: %q, want %q", row.rows, row.columns, got, row.want)
		}
	}
}

// TestMessagesDoNotSteerTheTerminal: keys, paths and S3's texts are another's.
func TestMessagesDoNotSteerTheTerminal(t *testing.T) {
	if got, want := harmless("a\x1b[2J\n\tb ä\x07"), "a\\x1b[2J\n\\tb ä\\a"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	err := failedFiles([]control.Failure{{Path: "a\nb", Error: "x\x1b[2J"}})
	if text := err.Error(); strings.Contains(text, "a\nb") || strings.Contains(text, "\x1b") {
		t.Errorf("%q", text)
	}
}
