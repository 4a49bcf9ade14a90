package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestWrongValuesAreExplained: each names the flag and what to write instead.
func TestWrongValuesAreExplained(t *testing.T) {
	for flag, instead := range map[string]string{
		"--uid=nobody-of-that-name": "1000",
		"--gid=-1":                  "1000",
		"--retry-timeout=soon":      "90s",
		"--metadata-ttl=5":          "90s",
		"--memory=much":             "10MiB",
		"--file-mode=rw":            "0644",
		"--log-level=loud":          "debug, info",
		"--max-concurrency=many":    "such as 64",
		"--atomic=perhaps":          "true or false",
		"-oretry_timeout=soon":      "90s",
		"-omax_concurrency=many":    "such as 64",
		"-oread_only=perhaps":       "true or false",
	} {
		root := newRootCommand()
		root.SetArgs([]string{"mount", flag, "films", t.TempDir()})
		err := root.Execute()
		name, _, _ := strings.Cut(strings.Replace(flag, "-o", "-o ", 1), "=")
		if exitCode(err) != exitUsage || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), instead) ||
			strings.Contains(err.Error(), "strconv") {
			t.Errorf("%s: exit code %d: %v", flag, exitCode(err), err)
		}
	}
}

func TestOwnersByName(t *testing.T) {
	s := defaultSettings()
	flags := s.fileFlags()
	if err := flags.Parse([]string{"--uid", "root", "--gid", "root"}); err != nil || s.uid != 0 || s.gid != 0 {
		t.Errorf("%d, %d, %v", s.uid, s.gid, err)
	}
	if err := flags.Parse([]string{"--uid", "4294967294", "--gid", "7"}); err != nil || s.uid != 4294967294 || s.gid != 7 {
		t.Errorf("%d, %d, %v", s.uid, s.gid, err)
	}
}

func TestLogFileThatCannotBe(t *testing.T) {
	s := defaultSettings()
	for _, path := range []string{filepath.Join(t.TempDir(), "none", "log"), t.TempDir()} {
		s.logFile = path
		_, err := openLog(s, t.TempDir())
		if exitCode(err) != exitUsage || !strings.Contains(err.Error(), "--log-file") || !strings.Contains(err.Error(), "folder") {
			t.Errorf("%s: exit code %d: %v", path, exitCode(err), err)
		}
	}
}

func TestUnknownProfile(t *testing.T) {
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	s := defaultSettings()
	s.bucket, s.profile = "films", "nope"
	_, err := openStore(s.storeConfig(nil))
	if exitCode(withCode(exitBucket, err)) != exitUsage || !strings.Contains(err.Error(), `--profile "nope"`) {
		t.Errorf("exit code %d: %v", exitCode(err), err)
	}
}

func TestCommandsThatAreAlike(t *testing.T) {
	for line, alike := range map[string]string{"moutn films /mnt": "mount", "umout /mnt": "mount or umount", "uploads lst films": "list"} {
		root := newRootCommand()
		root.SetArgs(strings.Fields(line))
		if err := root.Execute(); exitCode(err) != exitUsage || !strings.Contains(err.Error(), "did you mean "+alike+"?") {
			t.Errorf("%s: exit code %d: %v", line, exitCode(err), err)
		}
	}
}
