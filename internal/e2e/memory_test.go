package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/s3discard"
	"github.com/s3mpfs/s3mpfs/internal/s3server"
)

// discarding is a mount with a budget of 256 MiB over an endpoint that throws
// content away.
func discarding(t *testing.T, o s3discard.Options, flags ...string) (*mount, *s3discard.Server) {
	t.Helper()
	d, err := s3discard.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &store{Server: &s3server.Server{Endpoint: d.URL, AccessKey: "test", SecretKey: "testtest", Region: "us-east-1"}}
	return mountBucket(t, s, append(flags, "--memory", "256MiB")...), d
}

// wantMemory checks the most memory that the process ever had resident.
func (m *mount) wantMemory(most int64) {
	m.t.Helper()
	peak := m.memory("VmHWM:")
	m.t.Logf("resident memory was %d MiB", peak/mib)
	if peak > most {
		m.t.Errorf("resident memory was %d MiB, want at most %d", peak/mib, most/mib)
	}
}

// memory is a value of /proc/PID/status in bytes.
func (m *mount) memory(name string) int64 {
	m.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.cmd.Process.Pid))
	if err != nil {
		m.t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), name)
	var kB int64
	if _, err := fmt.Sscan(after, &kB); err != nil {
		m.t.Fatal(err)
	}
	return kB * kib
}

// TestMemory: the budget holds, whatever the file's size.
func TestMemory(t *testing.T) {
	t.Parallel()
	t.Run("a file of 20 GiB", func(t *testing.T) {
		t.Parallel()
		m, server := discarding(t, s3discard.Options{})
		m.sh(`dd if=/dev/zero of=$MNT/f bs=1M count=20480 status=none; test $(stat -c %s $MNT/f) = $((20 << 30))`)
		m.wantMemory(320 * mib)
		// A tenth of the part numbers are of 10 MiB, the next ones of 20.
		const parts = 1000 + (20480-10_000)/20
		for op, want := range upload(parts) {
			if n := server.Stats()[op].Requests; n != want {
				t.Errorf("%d %s, want %d", n, op, want)
			}
		}
		m.sh(`dd if=$MNT/f of=/dev/null bs=1M count=4096 status=none`)
		m.wantMemory(320 * mib)
		open := m.create("open") // which must not keep the memory of others
		defer open.Close()
		m.write(open, []byte("x"))
		m.eventuallyWithin(3*patience, "idle memory is given back", func() bool { return m.memory("VmRSS:") < 128*mib })
	})
	t.Run("many files at once", func(t *testing.T) {
		t.Parallel()
		m, _ := discarding(t, s3discard.Options{})
		m.sh(`python3 -c '
import os
files = [os.open(os.environ["MNT"] + "/f%d" % i, os.O_WRONLY | os.O_CREAT) for i in range(1000)]
for n in range(12):
	for f in files: assert os.write(f, b"x" * 100000) == 100000
for f in files: os.close(f)'
			ls -l $MNT | awk '$5 == 1200000' | wc -l | grep -qx 1000`)
		m.wantMemory(320 * mib)
	})
}
