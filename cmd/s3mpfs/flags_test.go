package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/s3mpfs/s3mpfs/internal/size"
)

// parse reads flags into new settings, as the mount command does.
func parse(t *testing.T, flags ...string) (*settings, error) {
	t.Helper()
	s := defaultSettings()
	c := &cobra.Command{Use: "mount"}
	addFlagGroups(c, s.flagGroups())
	if err := c.ParseFlags(flags); err != nil {
		return s, err
	}
	return s, s.check()
}

func TestDefaultsAreAllowed(t *testing.T) {
	if _, err := parse(t); err != nil {
		t.Error(err)
	}
}

func TestFlagsThatAreAllowed(t *testing.T) {
	for _, line := range []string{
		"--part-size 5MiB --memory 20MiB",
		"--part-size 5GiB --memory 20GiB",
		"--sse aws:kms --sse-kms-key-id alias/films",
		"--sse aws:kms:dsse --sse-kms-key-id alias/films",
		"--endpoint-url http://127.0.0.1:9000 --storage-class COLD",
		"--endpoint-url https://minio.example/",
		"--storage-class STANDARD_IA --acl bucket-owner-full-control",
		"--metadata project=film --metadata owner=a=b --tagging Project=Film",
		"--metadata-ttl 0 --max-concurrency 1 --checksum none",
		"--expected-bucket-owner 111122223333 --requester-pays",
		"--pprof-addr [::1]:6060",
		"--metrics-addr :9105",
		"--metrics-addr 0.0.0.0:9105",
		"-f --read-only --uid 1000 --gid 1000 --file-mode 0640 --dir-mode 750",
	} {
		if _, err := parse(t, strings.Fields(line)...); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// TestRefusals: each refusal names the flag and tells what to write instead.
func TestRefusals(t *testing.T) {
	for _, c := range []struct{ line, flag, remedy string }{
		{"--part-size ten", "--part-size", "10MiB"},
		{"--part-size 4MiB", "--part-size", "5 MiB or more"},
		{"--part-size 6GiB --memory 1TiB", "--part-size", "5 GiB or less"},
		{"--memory 30MiB", "--memory", "40 MiB or more"},
		{"--memory lots", "--memory", "10MiB"},
		{"--max-hole -1", "--max-hole", "10MiB"},
		{"--max-concurrency 0", "--max-concurrency", "1 to 1024"},
		{"--sse rot13", "--sse", "AES256"},
		{"--sse-kms-key-id k", "--sse-kms-key-id", "--sse aws:kms"},
		{"--sse AES256 --sse-kms-key-id k", "--sse-kms-key-id", "--sse aws:kms"},
		{"--acl everybody", "--acl", "public-read"},
		{"--storage-class COLD", "--storage-class", "STANDARD_IA"},
		{"--checksum md5", "--checksum", "crc64nvme"},
		{"--on-kill maybe", "--on-kill", "park"},
		{"--fsync never", "--fsync", "upload"},
		{"--log-level loud", "--log-level", "debug"},
		{"--log-format xml", "--log-format", "json"},
		{"--file-mode rw", "--file-mode", "0644"},
		{"--dir-mode 01777", "--dir-mode", "0644"},
		{"--metadata film", "--metadata", "key=value"},
		{"--metadata =film", "--metadata", "key=value"},
		{"--metadata Film=1", "--metadata", "lower-case"},
		{"--metadata a=1 --metadata a=2", "--metadata", "once"},
		{"--metadata a=ä", "--metadata", "ASCII"},
		{"--metadata a=" + strings.Repeat("x", 3000), "--metadata", "2048"},
		{"--tagging film", "--tagging", "key=value"},
		{"--tagging " + strings.Repeat("k", 129) + "=v", "--tagging", "128"},
		{strings.Repeat("--tagging k%=v ", 11), "--tagging", "10 tags"},
		{"--endpoint-url minio.example:9000", "--endpoint-url", "https://"},
		{"--endpoint-url ftp://minio.example", "--endpoint-url", "https://"},
		{"--endpoint-url https://minio.example/bucket", "--endpoint-url", "BUCKET"},
		{"--endpoint-url https://me:secret@minio.example", "--endpoint-url", "~/.aws/credentials"},
		{"--no-sign-request --profile work", "--no-sign-request", "--profile"},
		{"--expected-bucket-owner me", "--expected-bucket-owner", "12 digits"},
		{"--metadata-ttl -1s", "--metadata-ttl", "use 0"},
		{"--metadata-ttl soon", "--metadata-ttl", "duration"},
		{"--abort-stale -1h", "--abort-stale", "168h"},
		{"--retry-timeout 0", "--retry-timeout", "10m"},
		{"--rename-dir-limit 0", "--rename-dir-limit", "1 or more"},
		{"--metrics-addr 9105", "--metrics-addr", ":9105"},
		{"--metrics-addr :http", "--metrics-addr", ":9105"},
		{"--pprof-addr 0.0.0.0:6060", "--pprof-addr", "127.0.0.1"},
		{"--pprof-addr :6060", "--pprof-addr", "127.0.0.1"},
	} {
		_, err := parse(t, strings.Fields(numbered(c.line))...)
		switch {
		case err == nil:
			t.Errorf("%s: allowed", c.line)
		case !strings.Contains(err.Error(), c.flag) || !strings.Contains(err.Error(), c.remedy):
			t.Errorf("%s: the error does not name %q and %q: %v", c.line, c.flag, c.remedy, err)
		case strings.Contains(err.Error(), "secret"):
			t.Errorf("%s: the error repeats a secret: %v", c.line, err)
		}
	}
}

// numbered replaces each % by another letter, to write a flag many times.
func numbered(line string) string {
	for letter := 'a'; strings.Contains(line, "%"); letter++ {
		line = strings.Replace(line, "%", string(letter), 1)
	}
	return line
}

func TestAllRefusalsAreToldAtOnce(t *testing.T) {
	_, err := parse(t, "--part-size", "1MiB", "--max-concurrency", "0")
	if err == nil || !strings.Contains(err.Error(), "--part-size") || !strings.Contains(err.Error(), "--max-concurrency") {
		t.Errorf("got %v", err)
	}
}

func TestValuesArrive(t *testing.T) {
	s, err := parse(t, "--part-size", "64 MB", "--memory=1GiB", "--metadata", "a=b=c", "--tagging", "k=", "--file-mode", "600")
	if err != nil {
		t.Fatal(err)
	}
	if s.partSize != 64_000_000 || s.memory != size.GiB || s.metadata["a"] != "b=c" || s.tagging.String() != "k=" || s.fileMode != 0o600 {
		t.Errorf("got %+v", s)
	}
}

func TestMetricsAreOnTheLoopbackByDefault(t *testing.T) {
	for given, want := range map[string]string{":9105": "127.0.0.1:9105", "0.0.0.0:9105": "0.0.0.0:9105", "[::1]:1": "[::1]:1"} {
		if s, err := parse(t, "--metrics-addr", given); err != nil || s.metricsAddr != want {
			t.Errorf("%s: %s, %v; want %s", given, s.metricsAddr, err, want)
		}
	}
}

func TestHelpShowsEveryFlagUnderATitle(t *testing.T) {
	c := newMountCommand()
	var out bytes.Buffer
	c.SetOut(&out)
	if err := c.Help(); err != nil {
		t.Fatal(err)
	}
	for _, group := range defaultSettings().flagGroups() {
		if !strings.Contains(out.String(), "\n"+group.title+":\n") {
			t.Errorf("no title %q", group.title)
		}
	}
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" && strings.Count(out.String(), "--"+f.Name+" ") == 0 {
			t.Errorf("--%s is missing", f.Name)
		}
	})
}
