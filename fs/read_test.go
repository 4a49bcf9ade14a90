package fs_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/s3mpfs/s3mpfs/fs"
	"github.com/s3mpfs/s3mpfs/internal/s3fake"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// TestASequentialReadFetchesEachByteOnce reads as programs do, with small and
// large buffers: a GET carries a MiB at least.
func TestASequentialReadFetchesEachByteOnce(t *testing.T) {
	const size = 24
	for _, bs := range []string{"4K", "128K", "1M"} {
		t.Run(bs, func(t *testing.T) {
			m := mount(t, settings{})
			m.set("f", strings.Repeat("0123456789abcdef", size<<20/16))
			n := m.requests(func() { m.sh("dd if=f bs=" + bs + " status=none | md5sum") })
			if gets := n[s3op.GetObject]; gets > size+12 { // the first ones are small
				t.Errorf("%d GETs for %d MiB", gets, size)
			}
		})
	}
}

// TestSmallRandomReadsCostOneGETEach, of the page that is asked for, also where the file is large and the reads
// follow each other closely.
func TestSmallRandomReadsCostOneGETEach(t *testing.T) {
	m := mount(t, settings{})
	m.set("f", strings.Repeat("x", 8<<20))
	f, err := os.Open(m.path("f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, 4<<10)
	n := m.requests(func() {
		for i := range int64(50) {
			if _, err := f.ReadAt(p, (i*37%50)<<17+1<<16); err != nil {
				t.Error(err)
			}
		}
	})
	var counts s3fake.Counts
	m.call("Counts", None{}, &counts)
	if n[s3op.GetObject] != 50 || counts.Downloaded != 50*int64(len(p)) {
		t.Errorf("50 reads cost %v and %d bytes", n, counts.Downloaded)
	}
}

// TestWritesAreLargeRequests: what a program writes comes as it is, up to 1 MiB,
// past the page cache.
func TestWritesAreLargeRequests(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{Debug: true}})
	for script, want := range map[string]int{
		`dd if=/dev/zero of=f bs=1M count=24 status=none`: 24,
		`dd if=/dev/zero of=f bs=4M count=6 status=none`:  24,
		`head -c 24M /dev/zero > "$TMP"; cp "$TMP" f`:     24, // it asks how much is good
		`dd if=/dev/zero of=f bs=1K count=24 status=none`: 24,
	} {
		m.call("Forget", None{}, &None{})
		m.sh(`TMP=` + t.TempDir() + `/src; ` + script)
		if n := strings.Count(m.log(), ": WRITE "); n != want {
			t.Errorf("%s: %d WRITE requests, want %d", script, n, want)
		}
	}
}

// TestTheKernelReadsAheadInLargeRequests where this process may tell it to.
func TestTheKernelReadsAheadInLargeRequests(t *testing.T) {
	m := mount(t, settings{})
	var st unix.Stat_t
	if err := unix.Stat(m.path("."), &st); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("/sys/class/bdi/%d:%d/read_ahead_kb", unix.Major(st.Dev), unix.Minor(st.Dev))
	want := "128\n"
	if unix.Access(name, unix.W_OK) == nil {
		want = "1024\n"
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != want {
		t.Errorf("the kernel reads %q KiB ahead, want %q, error %v", got, want, err)
	}
}
