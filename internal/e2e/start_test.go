package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/faultproxy"
)

// TestMountThatCannotBe: a clear message, the exit code, and nothing mounted.
func TestMountThatCannotBe(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	free, full := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	at := []string{"--endpoint-url", b.endpoint, "--retry-timeout", "1s"}
	for name, c := range map[string]struct {
		args []string
		env  string
		code int
		says string
	}{
		"no arguments":         {[]string{}, "", exitUsage, "BUCKET"},
		"no mount point":       {[]string{b.b.Name}, "", exitUsage, "MOUNTPOINT"},
		"an unknown flag":      {[]string{"--nonsense", b.b.Name, free}, "", exitUsage, "nonsense"},
		"a wrong size":         {[]string{"--memory", "lots", b.b.Name, free}, "", exitUsage, "--memory"},
		"too little memory":    {[]string{"--memory", "1MiB", b.b.Name, free}, "", exitUsage, "--memory"},
		"too small a part":     {[]string{"--part-size", "1MiB", b.b.Name, free}, "", exitUsage, "--part-size"},
		"no such bucket":       {[]string{"no-such-bucket-anywhere", free}, "", exitBucket, "no-such-bucket-anywhere"},
		"a bucket's bad name":  {[]string{"Bad_Name", free}, "", exitUsage, "Bad_Name"},
		"no such mount point":  {[]string{b.b.Name, free + "/nothing"}, "", exitMountpoint, "mkdir"},
		"a file":               {[]string{b.b.Name, full + "/file"}, "", exitMountpoint, "not a folder"},
		"a full folder":        {[]string{b.b.Name, full}, "", exitMountpoint, "not empty"},
		"a wrong key":          {[]string{b.b.Name, free}, "AWS_SECRET_ACCESS_KEY=wrong", exitBucket, "AWS_SECRET_ACCESS_KEY"},
		"an unknown key":       {[]string{b.b.Name, free}, "AWS_ACCESS_KEY_ID=nobody", exitBucket, "AWS_ACCESS_KEY_ID"},
		"nobody at the server": {[]string{"--endpoint-url", "http://127.0.0.1:1", b.b.Name, free}, "", exitBucket, "127.0.0.1:1"},
	} {
		for _, where := range [][]string{{"mount"}, {"mount", "-f"}} {
			t.Run(name+" "+strings.Join(where, " "), func(t *testing.T) {
				b := *b
				b.t = t
				cmd := b.command(append(append(where, at...), c.args...)...)
				cmd.Env = append(cmd.Env, c.env)
				code, output := b.runCommand(cmd)
				if code != c.code || !strings.Contains(output, c.says) {
					t.Errorf("exit code %d, want %d with a message that has %q:\n%s", code, c.code, c.says, output)
				}
				if mounted(free) || mounted(full) {
					t.Error("something is mounted")
				}
			})
		}
	}
}

// TestMountExplainsRefusals: the message says which permission, region or key is
// wrong.
func TestMountExplainsRefusals(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	proxy := b.behindProxy()
	dir := t.TempDir()
	for _, c := range []struct {
		status     int
		code, says string
	}{
		{403, "AccessDenied", "s3:ListBucket"},
		{403, "InvalidAccessKeyId", "access key"},
		{400, "ExpiredToken", "expired"},
		{301, "PermanentRedirect", "--region"},
		{400, "AuthorizationHeaderMalformed", "--region"},
		{404, "NoSuchBucket", b.b.Name},
		{503, "SlowDown", "SlowDown"},
	} {
		proxy.Set(faultproxy.Rule{Times: faultproxy.Always, Action: faultproxy.Answer, Status: c.status, Code: c.code})
		code, output := b.s3mpfs(append([]string{"mount"}, b.mountArgs(dir, "--retry-timeout", "1s")...)...)
		if code != exitBucket || !strings.Contains(output, c.says) {
			t.Errorf("%s: exit code %d, want %d and %q:\n%s", c.code, code, exitBucket, c.says, output)
		}
		if mounted(dir) {
			t.Error("something is mounted")
		}
	}
}

// TestBackground: without -f, mount returns when the mount answers.
func TestBackground(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store) {
		b := newBucket(t, s)
		b.put("f", []byte("x"))
		dir := t.TempDir()
		mountPoints.Store(dir, true)
		if code, output := b.s3mpfs(append([]string{"mount"}, b.mountArgs(dir)...)...); code != 0 {
			t.Fatalf("exit code %d: %s", code, output)
		}
		if content, err := os.ReadFile(dir + "/f"); err != nil || string(content) != "x" {
			t.Errorf("read right after the mount: %q, %v", content, err)
		}
		if code, output := b.s3mpfs(append([]string{"mount"}, b.mountArgs(dir)...)...); code != exitMountpoint {
			t.Errorf("mounted twice: exit code %d: %s", code, output)
		}
		content := random(1, 12*mib)
		if err := os.WriteFile(dir+"/g", content, 0o644); err != nil {
			t.Error(err)
		}
		code, output := b.s3mpfs("status", "--json", dir)
		var status struct{ PID int }
		if err := json.Unmarshal([]byte(output), &status); err != nil || code != 0 || status.PID == 0 {
			t.Errorf("status: exit code %d, %v: %s", code, err, output)
		}
		if code, output := b.s3mpfs("umount", dir); code != 0 {
			t.Errorf("umount: exit code %d: %s", code, output)
		}
		if mounted(dir) {
			t.Error("still mounted")
		}
		b.wantObject("g", content)
	})
}

// TestManyMountsAtOnePlace: of processes that mount at one place at the same time
// one succeeds, and works; the others say why, and take nothing of it away.
func TestManyMountsAtOnePlace(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	dir := t.TempDir()
	mountPoints.Store(dir, true)
	for round := range 3 {
		type result struct {
			code   int
			output string
		}
		results := make(chan result)
		const together = 4
		for range together {
			cmd := b.command(append([]string{"mount"}, b.mountArgs(dir)...)...)
			go func() {
				output, err := cmd.CombinedOutput()
				results <- result{exitCode(t, err), string(output)}
			}()
		}
		var won int
		for range together {
			switch r := <-results; r.code {
			case 0:
				won++
			case exitMountpoint:
				if !strings.Contains(r.output, "in use") {
					t.Errorf("refused with %q", r.output)
				}
			default:
				t.Errorf("exit code %d: %s", r.code, r.output)
			}
		}
		if won != 1 {
			t.Errorf("round %d: %d have mounted", round, won)
		}
		if err := os.WriteFile(dir+"/f", []byte("x"), 0o644); err != nil {
			t.Error(err)
		}
		if code, output := b.s3mpfs("umount", dir); code != 0 || mounted(dir) {
			t.Errorf("umount: exit code %d, mounted: %v: %s", code, mounted(dir), output)
		}
	}
}

// TestHelp: every command explains itself, and completions can be had.
func TestHelp(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	for _, args := range []string{"--help", "mount --help", "umount --help", "status --help", "version", "version --help",
		"completion bash", "completion zsh", "completion fish"} {
		if code, output := b.s3mpfs(strings.Fields(args)...); code != 0 || len(output) < 6 {
			t.Errorf("%s: exit code %d: %s", args, code, output)
		}
	}
	if code, output := b.s3mpfs("umount", t.TempDir()); code != exitMountpoint || !strings.Contains(output, "nothing is mounted") {
		t.Errorf("umount of nothing: exit code %d: %s", code, output)
	}
}
