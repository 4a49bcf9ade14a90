package e2e

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTroubleshootingExamples runs each line with s3mpfs of TROUBLESHOOTING, word
// for word and in order, against a bucket where a machine has died while it wrote
// raw/take-7.mov. Afterwards the recording is an object.
func TestTroubleshootingExamples(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/TROUBLESHOOTING.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^    (s3mpfs .*)$`).FindAllStringSubmatch(string(text), -1)
	if len(lines) < 3 {
		t.Fatalf("only %d lines", len(lines))
	}
	b := newBucket(t, all.versitygw(t))
	if err := b.store.CreateBucket(context.Background(), "my-bucket"); err != nil {
		t.Fatal(err)
	}
	b.b.Name = "my-bucket"
	b.prefix = "raw/"
	m := b.mount("--on-kill=park")
	content := random(1, 12*mib)
	m.killWriter("take-7.mov", content)
	m.eventually("the upload is parked", func() bool { return m.logged("upload parked") })
	for _, line := range lines {
		sh := b.command()
		sh.Path, sh.Args = "/bin/sh", []string{"sh", "-c", line[1]}
		sh.Env = append(sh.Env, "PATH="+filepath.Dir(binary)+":/usr/bin:/bin")
		want := 0
		if strings.Contains(line[1], "complete") && !strings.Contains(line[1], "--yes") {
			want = 1 // it only shows
		}
		if code, output := b.runCommand(sh); code != want || !strings.Contains(output, "take-7.mov") {
			t.Errorf("%s: exit code %d: %s", line[1], code, output)
		}
	}
	m.wantObject("take-7.mov", content)
}
