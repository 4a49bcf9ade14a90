package e2e

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestTruncateToNothing(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store) {
		m := mountBucket(t, s)
		m.put("f", random(1, 12*mib))
		m.sh(`: > $MNT/f`)
		m.wantObject("f", nil)
		m.put("g", random(1, 1000))
		m.sh(`truncate -s 0 $MNT/g`)
		m.wantObject("g", nil)
		m.put("h", random(1, 1000))
		if err := os.Truncate(m.path("h"), 0); err != nil {
			t.Fatal(err)
		}
		m.wantObject("h", nil)
	})
}

// TestTruncateWhileWriting: programs that do not trust the size set it.
func TestTruncateWhileWriting(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t))
	content := random(2, 25*mib)
	f := m.create("f")
	m.write(f, content)
	if err := f.Truncate(25 * mib); err != nil {
		t.Errorf("ftruncate to the current size: %v", err)
	}
	m.close(f)
	m.wantObject("f", content)

	f = m.create("again")
	m.write(f, content)
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	m.write(f, content[:12*mib])
	m.close(f)
	m.wantObject("again", content[:12*mib])
}

func TestFallocate(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t))
	content := random(3, 12*mib)
	src := m.local("src", content)
	m.sh(`fallocate -l 12M $MNT/f; test $(stat -c %s $MNT/f) = $((12<<20)); dd if=$SRC of=$MNT/f conv=notrunc bs=1M status=none`, "SRC="+src)
	m.wantObject("f", content)

	f := m.create("g")
	if err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, 12*mib); err != nil {
		t.Errorf("fallocate that keeps the size: %v", err)
	}
	m.write(f, content[:5*mib])
	m.close(f)
	m.wantObject("g", content[:5*mib])
}

// TestBackWrites: headers are patched when the rest is written.
func TestBackWrites(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store) {
		m := mountBucket(t, s)
		content := random(4, 27*mib)
		f := m.create("f")
		m.write(f, content)
		for _, off := range []int{0, 36, 6000, 26 * mib, 27*mib - 5} {
			patch := random(byte(off), 5)
			copy(content[off:], patch)
			if _, err := f.WriteAt(patch, int64(off)); err != nil {
				t.Fatalf("write at %d: %v", off, err)
			}
		}
		m.close(f)
		m.wantObject("f", content)
	})
}
