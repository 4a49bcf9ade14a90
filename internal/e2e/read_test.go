package e2e

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

func TestReadBack(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store) {
		m := mountBucket(t, s)
		content := random(1, 45*mib+77)
		m.local("src", content)
		m.sh(`cp src $MNT/f; cmp src $MNT/f; cat $MNT/f | cmp - src; tail -c 100000 $MNT/f | cmp - <(tail -c 100000 src)`)
		m.put("theirs", content)
		m.sh(`cmp src $MNT/theirs; cp $MNT/theirs back; cmp src back
			dd if=$MNT/theirs bs=1M skip=13 count=7 status=none | cmp - <(dd if=src bs=1M skip=13 count=7 status=none)`)
	})
}

func TestRandomReads(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t))
	content := random(2, 30*mib+5)
	m.put("f", content)
	f := m.open("f", os.O_RDONLY)
	defer m.close(f)
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		off, n := r.IntN(len(content)), 1+r.IntN(200*kib)
		p := make([]byte, n)
		got, err := f.ReadAt(p, int64(off))
		if err != nil && err != io.EOF {
			t.Fatal(err)
		}
		if want := content[off:min(off+n, len(content))]; !bytes.Equal(p[:got], want) {
			t.Fatalf("read of %d at %d: %s", n, off, difference(p[:got], want))
		}
	}
}

// TestRepeatedReads come from the kernel's page cache as long as the object is
// the same, which each open asks.
func TestRepeatedReads(t *testing.T) {
	t.Parallel()
	m, proxy := counted(t, "--metadata-ttl", "0s")
	for i := range byte(2) {
		content := random(i, 5*mib+7)
		m.put("f", content)
		m.local("src", content)
		for again := range 3 {
			proxy.ResetCounts()
			m.sh(`cmp src $MNT/f`)
			counts := proxy.Counts()
			if fetched := counts[s3op.GetObject].Out; again == 0 && fetched != int64(len(content)) || again > 0 && fetched != 0 {
				t.Errorf("read %d of version %d fetched %d bytes: %v", again, i, fetched, counts)
			}
		}
	}
}

// TestAnObjectReplacedWhileItIsRead: a reader gets the old bytes or an error,
// never a mixture.
func TestAnObjectReplacedWhileItIsRead(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t), "--metadata-ttl", "0s")
	old, content := bytes.Repeat([]byte("old "), 10*mib), bytes.Repeat([]byte("new "), 10*mib)
	m.put("f", old)
	f := m.open("f", os.O_RDONLY)
	defer f.Close()
	if _, err := io.ReadFull(f, make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
	m.put("f", content)
	rest, err := io.ReadAll(f)
	if !bytes.HasPrefix(old[4096:], rest) {
		t.Errorf("the reader of the old object got other bytes; error %v", err)
	}
	if err == nil && len(rest) != len(old)-4096 {
		t.Errorf("%d bytes and no error", len(rest))
	}
	m.local("new", content)
	m.sh(`cmp new $MNT/f`)
}
