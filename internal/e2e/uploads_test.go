package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// uploads runs s3mpfs uploads against the bucket.
func (b *bucket) uploads(command, target string, flags ...string) (code int, output string) {
	b.t.Helper()
	return b.s3mpfs(append([]string{"uploads", command, b.b.Name + "/" + target, "--endpoint-url", b.endpoint}, flags...)...)
}

// left gives what s3mpfs uploads list --json says.
func (b *bucket) left() (list []listedUpload) {
	b.t.Helper()
	code, output := b.uploads("list", "", "--json")
	if code != 0 {
		b.t.Fatalf("uploads list: exit code %d: %s", code, output)
	}
	for line := range strings.Lines(output) {
		var u listedUpload
		if err := json.Unmarshal([]byte(line), &u); err != nil {
			b.t.Fatalf("%v in %q", err, line)
		}
		list = append(list, u)
	}
	return list
}

type listedUpload struct {
	Key       string
	UploadID  string `json:"upload_id"`
	Initiated time.Time
	Parts     int
	Bytes     int
}

// killWriter writes content through a process of its own and kills that while
// it still has the file open.
func (m *mount) killWriter(name string, content []byte) {
	m.t.Helper()
	writer := exec.Command("sh", "-c", `exec cat >"$0"`, m.path(name))
	in, err := writer.StdinPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := writer.Start(); err != nil {
		m.t.Fatal(err)
	}
	if _, err := in.Write(content); err != nil {
		m.t.Error(err)
	}
	m.eventually("everything is written", func() bool {
		info, err := os.Stat(m.path(name))
		return err == nil && info.Size() == int64(len(content))
	})
	if err := writer.Process.Kill(); err != nil {
		m.t.Error(err)
	}
	if err := writer.Wait(); err == nil {
		m.t.Error("the writer ended by itself")
	}
}

// TestParkedUploadIsCompleted: what a killed writer wrote is not an object, is
// listed, and becomes an object only with --yes, byte for byte.
func TestParkedUploadIsCompleted(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store) {
		m := mountBucket(t, s, "--on-kill=park")
		content := random(1, 27*mib)
		m.killWriter("take", content)
		m.eventually("the upload is parked", func() bool { return strings.Contains(m.log(), "upload parked") })
		m.wantNoObject("take")
		list := m.left()
		if len(list) != 1 || list[0].Key != "take" || list[0].Parts != 3 || list[0].Bytes != len(content) {
			t.Fatalf("listed: %+v", list)
		}
		m.wantLog("upload parked", "s3mpfs uploads complete "+m.b.Name+"/take --upload-id "+list[0].UploadID)
		if code, output := m.uploads("complete", "take"); code != 1 || !strings.Contains(output, "27 MiB") || !strings.Contains(output, "--yes") {
			t.Errorf("complete without --yes: exit code %d: %s", code, output)
		}
		m.wantNoObject("take")
		if code, output := m.uploads("complete", "take", "--upload-id", list[0].UploadID, "--yes"); code != 0 {
			t.Errorf("complete: exit code %d: %s", code, output)
		}
		m.wantObject("take", content)
		if left := m.left(); len(left) > 0 {
			t.Errorf("still listed: %+v", left)
		}
	})
}

// TestUploadOfAMachineThatDied: the mount dies without a word; what S3 holds of
// the file becomes an object.
func TestUploadOfAMachineThatDied(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store) {
		m := mountBucket(t, s)
		m.put("take", []byte("the take before"))
		content := random(2, 35*mib)
		f := m.create("take")
		m.write(f, content)
		m.eventually("three parts are in S3", func() bool {
			list := m.left()
			return len(list) == 1 && list[0].Parts == 3
		})
		m.signal(syscall.SIGKILL)
		<-m.exited
		if err := f.Close(); !errors.Is(err, syscall.ENOTCONN) && !errors.Is(err, syscall.ECONNABORTED) {
			t.Errorf("close after the mount died: %v", err)
		}
		if code, output := m.umount(); code != exitNotDurable {
			t.Errorf("umount of a dead mount: exit code %d: %s", code, output)
		}
		m.wantObject("take", []byte("the take before"))
		if code, output := m.uploads("complete", "take", "--yes"); code != 0 || !strings.Contains(output, "replaces the object") {
			t.Errorf("complete: exit code %d: %s", code, output)
		}
		m.wantObject("take", content[:30*mib])
	})
}

// TestUploadsAbort takes no store that dates all its uploads to the same day.
func TestUploadsAbort(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t), "--on-kill=park")
	m.killWriter("a", random(3, 12*mib))
	m.killWriter("b", random(4, 12*mib))
	m.eventually("both uploads are parked", func() bool { return strings.Count(m.log(), "upload parked") == 2 })
	for _, c := range []struct {
		target string
		flags  []string
		code   int
		left   int
	}{
		{"", []string{"--yes"}, exitUsage, 2},
		{"a", nil, 1, 2}, // nobody answers
		{"", []string{"--older-than", "1h", "--yes"}, 0, 2},
		{"c", []string{"--yes"}, 1, 2},
		{"a", []string{"--yes"}, 0, 1},
		{"", []string{"--older-than", "1ns", "--yes"}, 0, 0},
	} {
		code, output := m.uploads("abort", c.target, c.flags...)
		if left := m.left(); code != c.code || len(left) != c.left {
			t.Errorf("abort %q %q: exit code %d, want %d; left %v, want %d:\n%s", c.target, c.flags, code, c.code, left, c.left, output)
		}
	}
	m.wantNoObject("a")
}

// TestMountNamesWhatWasLeft: the next mount tells how to complete what the one
// before has left, word for word, and --abort-stale clears the rest.
func TestMountNamesWhatWasLeft(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	b.prefix = "raw/"
	m := b.mount("--on-kill=park")
	content := random(6, 12*mib)
	m.killWriter("the take", content)
	m.killWriter("other", content)
	m.eventually("both uploads are parked", func() bool { return strings.Count(m.log(), "upload parked") == 2 })
	m.wantUploads = 2
	if code, output := m.umount(); code != 0 {
		t.Fatalf("umount: exit code %d: %s", code, output)
	}
	next := b.mount()
	next.eventually("the upload is named", func() bool { return next.toComplete("raw/the take") != "" })
	line := next.toComplete("raw/the take")
	sh := b.command()
	sh.Path, sh.Args = "/bin/sh", []string{"sh", "-c", strings.Replace(line, "s3mpfs", binary, 1) + " --yes"}
	if code, output := b.runCommand(sh); code != 0 {
		t.Errorf("%s: exit code %d: %s", line, code, output)
	}
	next.wantObject("the take", content)
	next.wantUploads = 1
	if code, output := next.umount(); code != 0 {
		t.Fatalf("umount: exit code %d: %s", code, output)
	}
	last := b.mount("--abort-stale", "1ms")
	last.eventually("the other upload is aborted", func() bool { return len(b.b.Uploads(t)) == 0 })
	m.wantUploads, next.wantUploads = 0, 0
}

// toComplete is the command line that the log names for a key.
func (m *mount) toComplete(key string) string {
	named := regexp.MustCompile(`key="?` + key + `"? .*to_complete=(".*") to_abort=`).FindStringSubmatch(m.log())
	if named == nil {
		return ""
	}
	line, err := strconv.Unquote(named[1])
	if err != nil {
		m.t.Fatal(err)
	}
	return line
}
