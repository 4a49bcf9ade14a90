package e2e

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// crowded stands before a store and gives the folder many/ of each bucket n
// objects, which cost nothing to make.
type crowded struct {
	n     int
	store http.Handler
	lists atomic.Int32 // of the folder
}

// crowd puts a folder of n objects into the bucket.
func (b *bucket) crowd(n int) *crowded {
	b.t.Helper()
	store, err := url.Parse(b.endpoint)
	if err != nil {
		b.t.Fatal(err)
	}
	c := &crowded{n: n, store: httputil.NewSingleHostReverseProxy(store)}
	b.put("many/", nil)
	server := httptest.NewServer(c)
	b.t.Cleanup(server.Close)
	b.endpoint = server.URL
	return c
}

func (c *crowded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if query.Get("list-type") != "2" || query.Get("prefix") != "many/" {
		c.store.ServeHTTP(w, r)
		return
	}
	c.lists.Add(1)
	first, _ := strconv.Atoi(query.Get("continuation-token"))
	limit, _ := strconv.Atoi(query.Get("max-keys"))
	next := min(c.n, first+limit)
	fmt.Fprint(w, xml.Header, `<ListBucketResult><Name>b</Name><Prefix>many/</Prefix>`)
	fmt.Fprintf(w, `<MaxKeys>%d</MaxKeys><KeyCount>%d</KeyCount><IsTruncated>%v</IsTruncated>`, limit, next-first, next < c.n)
	if next < c.n {
		fmt.Fprintf(w, `<NextContinuationToken>%d</NextContinuationToken>`, next)
	}
	for i := first; i < next; i++ {
		fmt.Fprintf(w, `<Contents><Key>many/name-%07d</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>&quot;%032x&quot;</ETag>`+
			`<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><Size>%d</Size><StorageClass>STANDARD</StorageClass></Contents>`, i, i, i)
	}
	fmt.Fprint(w, `</ListBucketResult>`)
}

// peak is the most memory in bytes that the mount's process ever had.
func (m *mount) peak() int64 {
	m.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.cmd.Process.Pid))
	if err != nil {
		m.t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	kilobytes, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	if err != nil {
		m.t.Fatal(err)
	}
	return kilobytes << 10
}

// TestAMillionNames are listed in a stream: a request for each thousand, and from
// some point on no more memory.
func TestAMillionNames(t *testing.T) {
	t.Parallel()
	const names, warm = 1_000_000, 300_000
	b := newBucket(t, all.versitygw(t))
	c := b.crowd(names)
	m := b.mount()
	dir, err := os.Open(m.path("many"))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	var before int64
	n := 0
	for err != io.EOF {
		var some []string
		if some, err = dir.Readdirnames(10_000); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		if n += len(some); before == 0 && n >= warm {
			before = m.peak()
		}
	}
	if n != names {
		t.Errorf("%d names", n)
	}
	if lists := c.lists.Load(); lists > names/1000+5 {
		t.Errorf("%d requests", lists)
	}
	after := m.peak()
	t.Logf("%d MiB of memory at most after %d names, %d MiB after %d", before>>20, warm, after>>20, names)
	if after-before > 64*mib {
		t.Error("memory grows with the folder")
	}
}
