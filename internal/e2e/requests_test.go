package e2e

import (
	"fmt"
	"maps"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/faultproxy"
	"github.com/s3mpfs/s3mpfs/internal/s3discard"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// counted is a mount whose requests are counted, without those of its start.
func counted(t *testing.T, flags ...string) (*mount, *faultproxy.Proxy) {
	t.Helper()
	b := newBucket(t, all.versitygw(t))
	proxy := b.behindProxy()
	m := b.mount(flags...)
	m.eventually("it has looked for uploads left behind", func() bool {
		return proxy.Counts()[s3op.ListMultipartUploads].Requests == 1
	})
	proxy.ResetCounts()
	return m, proxy
}

// writes are the operations that change the bucket.
var writes = []string{s3op.PutObject, s3op.CopyObject, s3op.CreateMultipartUpload, s3op.UploadPart, s3op.UploadPartCopy,
	s3op.CompleteMultipartUpload, s3op.AbortMultipartUpload, s3op.DeleteObject, s3op.DeleteObjects}

// wantWrites checks how many requests of each operation changed the bucket
// since the counters were reset, and resets them.
func (m *mount) wantWrites(proxy *faultproxy.Proxy, want map[string]int) {
	m.t.Helper()
	got := map[string]int{}
	for _, op := range writes {
		if n := proxy.Counts()[op].Requests; n > 0 {
			got[op] = n
		}
	}
	if !maps.Equal(got, want) {
		m.t.Errorf("requests %v, want %v", got, want)
	}
	proxy.ResetCounts()
}

// upload is what a plain sequential file of n parts costs.
func upload(n int) map[string]int {
	return map[string]int{s3op.CreateMultipartUpload: 1, s3op.UploadPart: n, s3op.CompleteMultipartUpload: 1}
}

func TestRequestsOfSequentialFiles(t *testing.T) {
	t.Parallel()
	m, proxy := counted(t)
	for _, c := range []struct {
		size string
		want map[string]int
	}{
		{"0", map[string]int{s3op.PutObject: 1}},
		{"1", map[string]int{s3op.PutObject: 1}},
		{"10485759", map[string]int{s3op.PutObject: 1}},
		{"10485761", upload(2)},
		{"30M", upload(3)},
		{"35M", upload(4)},
	} {
		t.Run(c.size, func(t *testing.T) {
			m := m.within(t)
			m.sh(`head -c $SIZE /dev/zero > src`, "SIZE="+c.size)
			for _, overwrite := range []bool{false, true} {
				m.sh(`cp src $MNT/f` + c.size)
				all := proxy.Counts()
				m.wantWrites(proxy, c.want)
				var others int
				for op, count := range all {
					if _, counted := c.want[op]; !counted {
						others += count.Requests
					}
				}
				// cp asks for the name twice before it makes the file.
				if others > 5 {
					t.Errorf("%d more requests (overwrite: %v): %v", others, overwrite, all)
				}
			}
		})
	}
}

// TestRequestsOfMovies: a header patched at the end costs one part more.
func TestRequestsOfMovies(t *testing.T) {
	t.Parallel()
	m, proxy := counted(t)
	m.sh(movie)
	for _, file := range []string{"out.mp4", "out.mkv", "out.avi"} {
		m.remux("", m.path(file))
		size := *m.head(file).ContentLength
		parts := int((size+partSize-1)/partSize) + 1
		m.t.Log(file, size)
		m.wantWrites(proxy, upload(parts))
	}
}

// TestRequestsOfTwoThousandFiles: a file costs one request, its name none, however
// long the copy takes.
func TestRequestsOfTwoThousandFiles(t *testing.T) {
	t.Parallel()
	m, server := discarding(t, s3discard.Options{})
	m.sh(`mkdir d; head -c 32768000 /dev/zero | split -b 16384 -a 4 - d/; test $(ls d | wc -l) = 2000`)
	total := func() (n int64) {
		for _, c := range server.Stats() {
			n += int64(c.Requests)
		}
		return n
	}
	before := total()
	m.sh(`cp -r d $MNT/d`)
	if n := total() - before; n < 2001 || n > 2050 {
		t.Errorf("cp -r of 2,000 files cost %d requests: %v", n, server.Stats())
	}
}

// TestRequestsOfFolders: folders are listed, not looked up name by name.
func TestRequestsOfFolders(t *testing.T) {
	t.Parallel()
	m, proxy := counted(t, "--metadata-ttl", "1m")
	m.sh(`mkdir d; for i in $(seq 50); do echo $i > d/f$i; done`)
	m.sh(`cp -r d $MNT/d`)
	counts := proxy.Counts()
	var n int
	for _, c := range counts {
		n += c.Requests
	}
	if counts[s3op.PutObject].Requests != 51 || n > 51+5 {
		t.Errorf("cp -r of 50 files into a new folder cost %d requests: %v", n, counts)
	}
	for i := range 50 {
		m.put(fmt.Sprintf("theirs/f%d", i), nil)
	}
	proxy.ResetCounts()
	m.sh(`ls -l $MNT/theirs > /dev/null; stat $MNT/theirs/f7 $MNT/theirs/f8 > /dev/null`)
	n = 0
	for _, c := range proxy.Counts() {
		n += c.Requests
	}
	if n > 4 {
		t.Errorf("ls -l of 50 files cost %d requests: %v", n, proxy.Counts())
	}
}
