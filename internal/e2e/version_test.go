package e2e

import (
	"bytes"
	"errors"
	"io"
	"os"
	"syscall"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/faultproxy"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// TestAReplacedObjectIsStale to who has the old one open, wherever it is read,
// and never a mix; who opens it then gets the new one.
func TestAReplacedObjectIsStale(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store) {
		m := mountBucket(t, s, "--metadata-ttl", "0s")
		old, content := random(1, 20*mib), random(2, 20*mib)
		m.put("f", old)
		f := m.open("f", os.O_RDONLY)
		defer f.Close()
		p := make([]byte, kib)
		if _, err := io.ReadFull(f, p); err != nil || !bytes.Equal(p, old[:kib]) {
			t.Fatal(err)
		}
		m.put("f", content)
		stale := 0
		for off := 0; off < len(old); off += mib {
			switch n, err := f.ReadAt(p, int64(off)); {
			case errors.Is(err, syscall.ESTALE):
				stale++
			case err != nil || !bytes.Equal(p[:n], old[off:off+n]):
				t.Errorf("at %d: %v", off, err)
			}
		}
		if stale == 0 {
			t.Error("nothing was stale")
		}
		m.local("new", content)
		m.sh(`cmp new $MNT/f`)
		m.b.Delete(t, "f")
		if _, err := f.ReadAt(p, 19*mib); !errors.Is(err, syscall.ESTALE) {
			t.Errorf("of what is gone: %v, want ESTALE", err)
		}
	})
}

// TestARangeThatIsCutIsNotReadAgain: every third answer breaks off half way.
func TestARangeThatIsCutIsNotReadAgain(t *testing.T) {
	t.Parallel()
	m, proxy := counted(t)
	content := random(3, 40*mib)
	m.put("f", content)
	m.local("f", content)
	proxy.Set(faultproxy.Rule{Operation: s3op.GetObject, Every: 3, Times: faultproxy.Always, Action: faultproxy.CutAnswer, Bytes: 300 * kib})
	proxy.ResetCounts()
	m.sh(`cmp f $MNT/f`)
	counts := proxy.Counts()[s3op.GetObject]
	if proxy.Struck() < 3 || counts.Out > int64(len(content))+mib {
		t.Errorf("%d of %d answers were cut, and %d bytes came for %d", proxy.Struck(), counts.Requests, counts.Out, len(content))
	}
}

// TestReadOnlyAsksForNothingThatWrites: EROFS comes before any request that
// would change anything, and of what is known before any at all.
func TestReadOnlyAsksForNothingThatWrites(t *testing.T) {
	t.Parallel()
	m, proxy := counted(t, "--read-only", "--metadata-ttl", "1h")
	m.put("f", []byte("x"))
	m.sh(`cat $MNT/f`)
	proxy.ResetCounts()
	for what, err := range map[string]error{
		"write": os.WriteFile(m.path("f"), nil, 0o644), "truncate": os.Truncate(m.path("f"), 0), "chmod": os.Chmod(m.path("f"), 0o600),
		"unlink": syscall.Unlink(m.path("f")),
	} {
		if !errors.Is(err, syscall.EROFS) {
			t.Errorf("%s: %v, want EROFS", what, err)
		}
	}
	for op, c := range proxy.Counts() {
		t.Errorf("%d %s", c.Requests, op)
	}
	if err := os.Mkdir(m.path("d"), 0o755); !errors.Is(err, syscall.EROFS) {
		t.Errorf("mkdir: %v, want EROFS", err)
	}
	m.wantWrites(proxy, map[string]int{})
}
