package e2e

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/faultproxy"
	"github.com/s3mpfs/s3mpfs/internal/modeltest"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// longOr is one duration where tests may take long, and another where not.
func longOr(long, short time.Duration) time.Duration {
	if modeltest.Long() {
		return long
	}
	return short
}

// TestOutageDuringCopy: the network is away in the middle of cp, which loses
// nothing but time.
func TestOutageDuringCopy(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	proxy := b.behindProxy()
	m := b.mount()
	content := random(1, 64*mib)
	m.local("src", content)
	away := longOr(90*time.Second, 3*time.Second)
	proxy.Set(faultproxy.Rule{Operation: s3op.UploadPart, Nth: 3, Action: faultproxy.Refuse, Wait: away})
	begun := time.Now()
	m.sh(`cp src $MNT/f`)
	if took := time.Since(begun); took < away || took > away+40*time.Second {
		t.Errorf("it took %v with the network away for %v", took, away)
	}
	m.wantObject("f", content)
}

// TestOutageBeyondPatience: the network stays away for longer than requests are
// repeated. Close tells, the mount lives, and works again with the network.
func TestOutageBeyondPatience(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	proxy := b.behindProxy()
	old := random(1, 3000)
	b.put("f", old)
	patience := longOr(time.Minute, 2*time.Second)
	m := b.mount("--retry-timeout", patience.String())
	f, err := os.OpenFile(m.path("f"), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	m.write(f, random(2, 12*mib))
	m.eventually("the first part is in S3", func() bool {
		left := m.left()
		return len(left) == 1 && left[0].Parts == 1
	})
	proxy.Refuse(time.Hour)
	begun := time.Now()
	if err := f.Close(); !errors.Is(err, syscall.EIO) {
		t.Errorf("close: %v, want EIO", err)
	}
	// Then its upload is to be aborted, for a minute at most.
	if took := time.Since(begun); took > patience+min(patience, time.Minute)+15*time.Second {
		t.Errorf("close took %v", took)
	}
	if _, err := os.Stat(m.path("f")); err == nil || !errors.Is(err, syscall.ENOENT) {
		// The mount answers, whatever it may know without the network.
		t.Logf("stat: %v", err)
	} else {
		t.Errorf("stat: %v: a fault in disguise", err)
	}
	if code, output := m.s3mpfs("status", m.dir); code != 0 {
		t.Errorf("status: exit code %d: %s", code, output)
	}
	m.wantObject("f", old)
	proxy.Resume()
	m.eventually("a file can be written again", func() bool { return m.writeFile("g", old) == nil })
	m.wantObject("g", old)
	m.eventually("the upload is aborted or named", func() bool {
		left := m.b.Uploads(t)
		m.wantUploads = len(left)
		return len(left) == 0 || m.logged("upload", "f", "to_abort=")
	})
}
