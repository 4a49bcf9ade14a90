package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestManualPages: one for each command that --help shows, with its flags.
func TestManualPages(t *testing.T) {
	dir := t.TempDir()
	if err := writeMan(newRootCommand(), dir); err != nil {
		t.Fatal(err)
	}
	for page, word := range map[string]string{
		"s3mpfs.1": "durable", "s3mpfs-mount.1": `part-size`, "s3mpfs-umount.1": "umount", "s3mpfs-status.1": "watch",
		"s3mpfs-uploads.1": "complete", "s3mpfs-uploads-list.1": "older-than", "s3mpfs-uploads-complete.1": "yes",
		"s3mpfs-uploads-abort.1": "older-than", "s3mpfs-version.1": "version",
	} {
		text, err := os.ReadFile(filepath.Join(dir, page))
		if err != nil || !strings.Contains(string(text), word) {
			t.Errorf("%s: %v, without %q", page, err, word)
		}
	}
	mount, err := os.ReadFile(filepath.Join(dir, "s3mpfs-mount.1"))
	if packager := fmt.Sprintf(`--uid\fP=%d`, os.Getuid()); err != nil || strings.Contains(string(mount), packager) {
		t.Errorf("%v, or the page is about its packager: %s", err, packager)
	}
	if pages, err := filepath.Glob(dir + "/*man*"); err != nil || len(pages) > 0 {
		t.Errorf("%v, %v", pages, err)
	}
}
