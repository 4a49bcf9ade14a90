package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/control"
	"github.com/s3mpfs/s3mpfs/internal/faultproxy"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// status is what `s3mpfs status --json` tells of the mount.
func (m *mount) status() (s control.Status) {
	m.t.Helper()
	code, output := m.s3mpfs("status", "--json", m.dir)
	if err := json.Unmarshal([]byte(output), &s); code != 0 || err != nil {
		m.t.Fatalf("status: exit code %d, %v: %s", code, err, output)
	}
	return s
}

// unfinished is how many files are not yet objects.
func (m *mount) unfinished() int { return m.status().Left().FilesLeft }

// running is a command that was started.
type running struct {
	*exec.Cmd
	ended chan error
}

func start(t *testing.T, cmd *exec.Cmd) *running {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := &running{cmd, make(chan error, 1)}
	go func() { r.ended <- cmd.Wait() }()
	return r
}

// waits checks that the command has not ended.
func (r *running) waits(t *testing.T) {
	t.Helper()
	select {
	case err := <-r.ended:
		t.Errorf("%s has ended while S3 has not answered: %v", r, err)
		r.ended <- err
	default:
	}
}

// holding makes a mount whose small files get no answer from S3 until let is
// called.
func holding(t *testing.T, flags ...string) (m *mount, proxy *faultproxy.Proxy, let func()) {
	m, proxy = counted(t, append(flags, "--write-behind")...)
	proxy.Set(faultproxy.Rule{Operation: s3op.PutObject, Times: faultproxy.Always, Action: faultproxy.Hold})
	let = func() {
		proxy.Set()
		proxy.Release()
	}
	t.Cleanup(let)
	return m, proxy, let
}

// TestWriteBehindWaits: close does not wait for S3, and the files are sent at the
// same time; fsync and umount do wait.
func TestWriteBehindWaits(t *testing.T) {
	t.Parallel()
	m, proxy, let := holding(t)
	const files = 8 // as many requests as there are to begin with
	m.sh(`for i in $(seq 8); do seq $i > $MNT/$i; done`)
	if err := proxy.AwaitStruck(t.Context(), files); err != nil {
		t.Fatal(err)
	}
	if n := m.unfinished(); n != files || len(m.keys()) != 0 {
		t.Errorf("%d files are unfinished, and there are objects %v", n, m.keys())
	}
	fsync, umount := start(t, m.script(`sync $MNT/7`)), start(t, m.command("umount", m.dir))
	m.eventually("the mount is ending", func() bool { return m.status().Ending })
	fsync.waits(t)
	umount.waits(t)
	let()
	if err := errors.Join(<-fsync.ended, <-umount.ended); err != nil {
		t.Error(err)
	}
	for i := 1; i <= files; i++ {
		m.wantObject(fmt.Sprint(i), []byte(m.sh(fmt.Sprint("seq ", i))))
	}
	m.wait()
	if code := m.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the mount's exit code is %d", code)
	}
}

// TestWriteBehindTells of a failure after close has returned in the status, the
// log, to the next open of the name, and by umount's exit code and the mount's.
func TestWriteBehindTells(t *testing.T) {
	for _, c := range []struct {
		size int
		ttl  string // 0s: the kernel looks for the name before it is opened
	}{{0, "1h"}, {1000, "1h"}, {1000, "0s"}, {25 * mib, "1h"}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			t.Parallel()
			size, b := c.size, newBucket(t, all.versitygw(t))
			proxy := b.behindProxy()
			m := b.mount("--write-behind", "--retry-timeout", "1s", "--metadata-ttl", c.ttl)
			proxy.Set(denied(s3op.PutObject), denied(s3op.CompleteMultipartUpload))
			for _, name := range []string{"before", "victim", "well"} {
				if err := m.writeFile(name, random(1, size)); err != nil {
					t.Errorf("close of %s: %v", name, err)
				}
			}
			m.eventually("the status tells", func() bool { return m.status().FilesFailed == 1 })
			if code, output := m.s3mpfs("status", m.dir); code != 0 || !strings.Contains(output, "1 file failed") ||
				!strings.Contains(output, "not durable: /victim: ") || !strings.Contains(output, "AccessDenied") {
				t.Errorf("status: exit code %d:\n%s", code, output)
			}
			m.wantLog("close failed", "path=/victim", "AccessDenied")
			if _, err := os.ReadFile(m.path("victim")); !errors.Is(err, syscall.EACCES) {
				t.Errorf("the next open: %v, want EACCES", err)
			}
			if _, err := os.ReadFile(m.path("victim")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the open after: %v, want ENOENT", err)
			}
			m.wantNotDurable("/victim", "/well")
			m.wantNoObject("victim")
			m.wantObject("before", random(1, size))
			m.wantObject("well", random(1, size))
		})
	}
}

// TestWriteBehindRenames: what has not begun to be sent is renamed for nothing.
func TestWriteBehindRenames(t *testing.T) {
	t.Parallel()
	m, proxy, let := holding(t, "--max-concurrency", "1")
	m.sh(`echo first > $MNT/a`)
	if err := proxy.AwaitStruck(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	m.sh(`for i in 1 2 3; do echo $i > $MNT/tmp$i; mv $MNT/tmp$i $MNT/final$i; done`)
	let()
	m.sh(`sync $MNT/a $MNT/final?`)
	m.wantWrites(proxy, map[string]int{s3op.PutObject: 4})
	for i := 1; i <= 3; i++ {
		m.wantObject(fmt.Sprint("final", i), fmt.Appendln(nil, i))
	}
}
