package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/faultproxy"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// TestAppend adds to objects of sizes that are special to UploadPartCopy.
func TestAppend(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store) {
		m := mountBucket(t, s, "--metadata-ttl", "0s")
		tail := random(2, 11*mib)
		m.local("tail", tail)
		for i, n := range []int{0, 1, 1000, 5*mib - 1, 5 * mib, 5*mib + 1, 12 * mib, 33*mib + 7} {
			old := random(byte(i), n)
			for _, script := range []string{`cat tail >> $MNT/f`, `tee -a $MNT/f < tail > /dev/null`,
				`dd if=tail of=$MNT/f oflag=append conv=notrunc bs=300k status=none`} {
				m.put("f", old)
				m.sh(script)
				m.wantObject("f", slices.Concat(old, tail))
			}
			m.sh(`echo more >> $MNT/f; echo and more >> $MNT/f`)
			m.wantObject("f", slices.Concat(old, tail, []byte("more\nand more\n")))
		}
	})
}

// TestALogGrows by lines from several processes.
func TestALogGrows(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t))
	m.sh(`for i in $(seq 40); do echo line $i >> $MNT/log; done`)
	m.sh(`exec 3>> $MNT/log; for i in $(seq 41 2000); do echo line $i >&3; done`)
	m.sh(`for i in $(seq 2000); do echo line $i; done > log; cmp log $MNT/log`)
	m.wantObject("log", m.localFile("log"))
	m.sh(`for w in 1 2 3 4; do (for i in $(seq 50); do echo $w $i; done >> $MNT/shared) & done; wait; sort $MNT/shared > sorted
		for w in 1 2 3 4; do for i in $(seq 50); do echo $w $i; done; done | sort | cmp - sorted`)
}

// TestRequestsOfEdits: what an edit moves does not depend on the object's size.
func TestRequestsOfEdits(t *testing.T) {
	t.Parallel()
	m, proxy := counted(t)
	content := make([]byte, 1<<30)
	copy(content[300*mib:], random(1, mib))
	m.put("f", content)
	moved := func(what string, requests int, most int64) {
		t.Helper()
		counts := proxy.Counts()
		proxy.ResetCounts()
		var n int
		var bytes int64
		for _, op := range append(slices.Clone(writes), s3op.GetObject) {
			n += counts[op].Requests
			bytes += counts[op].In
		}
		bytes += counts[s3op.GetObject].Out
		if n > requests || bytes > most {
			t.Errorf("%s: %d requests of %d bytes, want at most %d of %d: %v", what, n, bytes, requests, most, counts)
		}
	}
	proxy.ResetCounts()
	m.sh(`printf X | dd of=$MNT/f bs=1 seek=500000000 conv=notrunc status=none`)
	content[500000000] = 'X'
	moved("one byte in the middle", 6, 2*partSize+100*kib)

	m.sh(`printf Y >> $MNT/f`)
	content = append(content, 'Y')
	moved("one byte at the end", 6, 2*partSize+100*kib)

	m.sh(`cp $MNT/f $MNT/g`)
	m.wantObject("g", content)
	counts := proxy.Counts()
	if n := counts[s3op.UploadPart].In + counts[s3op.PutObject].In + counts[s3op.GetObject].Out; n != 0 {
		t.Errorf("cp within the mount moved %d bytes: %v", n, counts)
	}
}

// TestEdits changes objects in each place that is special.
func TestEdits(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store) {
		m := mountBucket(t, s)
		content := random(3, 33*mib+5)
		m.put("f", content)
		for _, off := range []int{0, 1, 5*mib - 1, 5 * mib, partSize - 2, partSize, 16*mib + 3, 30 * mib, 33 * mib, 33*mib + 4} {
			patch := bytes.Repeat([]byte{byte(off), byte(off >> 8)}, 5)
			content = overwriteAt(content, off, patch)
			f := m.open("f", os.O_RDWR)
			if _, err := f.WriteAt(patch, int64(off)); err != nil {
				t.Fatalf("write at %d: %v", off, err)
			}
			got := make([]byte, len(content)+1)
			if n, _ := f.ReadAt(got, 0); !bytes.Equal(got[:n], content) {
				t.Errorf("before close: %s", difference(got[:n], content))
			}
			m.close(f)
			m.wantObject("f", content)
		}
	})
}

func overwriteAt(content []byte, off int, patch []byte) []byte {
	return append(content[:off:off], slices.Concat(patch, content[min(len(content), off+len(patch)):])...)
}

func TestTruncateToAnySize(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store) {
		m := mountBucket(t, s)
		content := random(4, 27*mib)
		m.put("f", content)
		for _, n := range []int{26 * mib, 26*mib - 1, 12 * mib, 15 * mib, 5 * mib, 5*mib - 1, 9*mib + 3, 100, 0, 7 * mib} {
			if err := os.Truncate(m.path("f"), int64(n)); err != nil {
				t.Fatalf("truncate to %d: %v", n, err)
			}
			content = append(content[:min(n, len(content)):len(content)], make([]byte, max(0, n-len(content)))...)
			m.wantObject("f", content)
		}
		m.sh(`printf end | dd of=$MNT/hole bs=1 seek=20000000 status=none`)
		m.wantObject("hole", append(make([]byte, 20_000_000), "end"...))
		if err := os.Truncate(m.path("hole"), 1<<50); !errors.Is(err, syscall.EFBIG) {
			t.Errorf("truncate beyond everything: %v", err)
		}
	})
}

// TestReadWhileWriting through the same descriptor and through another one.
func TestReadWhileWriting(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t))
	content := random(5, 45*mib)
	w := m.open("f", os.O_RDWR|os.O_CREATE)
	r := m.open("f", os.O_RDONLY)
	defer r.Close()
	for off := 0; off < len(content); off += 9 * mib {
		m.write(w, content[off:off+9*mib])
		if info, err := os.Stat(m.path("f")); err != nil || info.Size() != int64(off+9*mib) {
			t.Fatalf("stat: %v, %v", info, err)
		}
		for _, f := range []*os.File{w, r} {
			for _, at := range []int{0, off / 2, off, off + 9*mib - 100} {
				p := make([]byte, 100)
				if _, err := f.ReadAt(p, int64(at)); err != nil || !bytes.Equal(p, content[at:at+100]) {
					t.Fatalf("read at %d of %d: %v", at, off+9*mib, err)
				}
			}
		}
	}
	m.close(w)
	m.wantObject("f", content)
}

// TestAnotherWriterInBetween: whoever edits an object that somebody else has
// replaced meanwhile is told, and the other's version stands.
func TestAnotherWriterInBetween(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1000, 20 * mib} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			m := mountBucket(t, all.versitygw(t))
			m.put("f", random(6, size))
			f := m.open("f", os.O_WRONLY|os.O_APPEND)
			m.write(f, random(7, 12*mib))
			theirs := random(8, 3000)
			m.put("f", theirs)
			if err := f.Close(); !errors.Is(err, syscall.ESTALE) {
				t.Errorf("close: %v, want ESTALE", err)
			}
			m.wantObject("f", theirs)
			m.wantUploads = 1
			m.wantLog("parked", "key=f", "upload_id=")
		})
	}
}

// TestEveryRequestOfAnAppend goes wrong in turn.
func TestEveryRequestOfAnAppend(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]faultproxy.Rule{
		"lost answer": {Action: faultproxy.DropAnswer},
		"500":         {Action: faultproxy.Answer, Status: 500, Code: "InternalError"},
		"denied":      {Action: faultproxy.Answer, Status: 403, Code: "AccessDenied"},
	} {
		for _, size := range []int{1000, 12 * mib} {
			t.Run(fmt.Sprint(name, " ", size), func(t *testing.T) {
				t.Parallel()
				b := newBucket(t, all.versitygw(t))
				proxy := b.behindProxy()
				m := b.mount("--retry-timeout", "20s", "--metadata-ttl", "0s")
				old, tail := random(1, size), random(2, 13*mib)
				for k := 1; ; k++ {
					key := fmt.Sprintf("f%d", k)
					b.put(key, old)
					rule.Nth = k
					proxy.Set(rule)
					err := m.appendFile(key, tail)
					struck := proxy.Struck()
					proxy.Set()
					if err != nil {
						m.wantObject(key, old)
						if rule.Status != 403 {
							t.Errorf("request %d: %v", k, err)
						}
					} else {
						m.wantObject(key, slices.Concat(old, tail))
					}
					m.checkUploadsAfter(rule, proxy)
					if struck == 0 {
						return
					}
				}
			})
		}
	}
}

func (m *mount) appendFile(name string, content []byte) error {
	f, err := os.OpenFile(m.path(name), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}
