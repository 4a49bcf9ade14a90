package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/faultproxy"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// putMany puts n objects under a prefix, each with its number as its content.
func (b *bucket) putMany(prefix string, n int) {
	var workers sync.WaitGroup
	for w := range 8 {
		workers.Go(func() {
			for i := w; i < n; i += 8 {
				b.put(fmt.Sprint(prefix, i), []byte(fmt.Sprint(i)))
			}
		})
	}
	workers.Wait()
}

// wantMany checks that a folder holds what putMany put elsewhere, and nothing
// else is there.
func (m *mount) wantMany(folder string, n int) {
	m.t.Helper()
	if keys := m.keys(); len(keys) != n || !strings.HasPrefix(keys[0], folder+"/") || !strings.HasPrefix(keys[n-1], folder+"/") {
		m.t.Errorf("%d objects, %q to %q, want %d in %s", len(keys), keys[0], keys[len(keys)-1], n, folder)
	}
	m.sh(`cd $MNT/$FOLDER; for i in *; do test "$(cat $i)" = $i || echo $i; done | grep . && exit 1; test $(ls | wc -l) = $N`,
		"FOLDER="+folder, fmt.Sprint("N=", n))
}

// TestMoveOfAFolderOverAServerThatFails: every tenth request of whatever kind is
// answered with an error that S3 asks to try again.
func TestMoveOfAFolderOverAServerThatFails(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	b.putMany("old/", 1000)
	proxy := b.behindProxy()
	m := b.mount()
	proxy.Set(faultproxy.Rule{Every: 10, Times: faultproxy.Always, Action: faultproxy.Answer, Status: 500, Code: "InternalError"})
	m.sh(`mv $MNT/old $MNT/new`)
	if proxy.Struck() < 300 {
		t.Errorf("only %d requests failed", proxy.Struck())
	}
	proxy.Set()
	m.wantMany("new", 1000)
}

// TestStatusOfARename: its progress is shown, and the end of the mount waits.
func TestStatusOfARename(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	b.putMany("old/", 100)
	proxy := b.behindProxy()
	m := b.mount()
	proxy.Set(faultproxy.Rule{Operation: s3op.CopyObject, Nth: 51, Times: faultproxy.Always, Action: faultproxy.Hold})
	moved := make(chan error, 1)
	go func() { moved <- os.Rename(m.path("old"), m.path("new")) }()
	m.eventually("half of it is copied", func() bool {
		_, output := m.s3mpfs("status", m.dir)
		return strings.Contains(output, "renaming /old/ to /new/ ") && strings.Contains(output, " 50 of 100 objects copied")
	})
	ended := make(chan int, 1)
	go func() {
		code, _ := m.umount()
		ended <- code
	}()
	m.eventually("it is ending", func() bool {
		_, output := m.s3mpfs("status", m.dir)
		return strings.Contains(output, "ending")
	})
	proxy.Set()
	proxy.Release()
	if err := <-moved; err != nil {
		t.Error(err)
	}
	if code := <-ended; code != 0 {
		t.Errorf("umount: %d", code)
	}
	for _, key := range b.keys() {
		if !strings.HasPrefix(key, "new/") {
			t.Errorf("left: %s", key)
		}
	}
}

// TestAKilledRenameIsFinished: the process dies while it deletes, and another
// mount finishes what it began.
func TestAKilledRenameIsFinished(t *testing.T) {
	t.Parallel()
	for _, op := range []string{s3op.CopyObject, s3op.DeleteObject} {
		b := newBucket(t, all.versitygw(t))
		b.putMany("old/", 100)
		proxy := b.behindProxy()
		m := b.mount()
		proxy.Set(faultproxy.Rule{Operation: op, Nth: 51, Times: faultproxy.Always, Action: faultproxy.Hold})
		moved := make(chan error, 1)
		go func() { moved <- os.Rename(m.path("old"), m.path("new")) }()
		if err := proxy.AwaitStruck(context.Background(), 1); err != nil {
			t.Fatal(err)
		}
		m.signal(syscall.SIGKILL)
		<-m.exited
		if err := <-moved; err == nil {
			t.Error("the rename succeeded")
		}
		if code, output := m.umount(); code != exitNotDurable {
			t.Errorf("clearing the mount point: %d\n%s", code, output)
		}
		proxy.Set()
		proxy.Release()
		next := b.mount()
		next.sh(`mv -T $MNT/old $MNT/new`)
		next.wantMany("new", 100)
	}
}

// TestRequestsOfARename: what a file costs, before and after its upload.
func TestRequestsOfARename(t *testing.T) {
	t.Parallel()
	m, proxy := counted(t)
	f := m.create("tmp")
	m.write(f, random(1, kib))
	proxy.ResetCounts()
	m.sh(`mv $MNT/tmp $MNT/name`)
	m.wantWrites(proxy, map[string]int{})
	m.close(f)
	m.wantWrites(proxy, map[string]int{s3op.PutObject: 1})
	m.sh(`mv $MNT/name $MNT/other`)
	m.wantWrites(proxy, map[string]int{s3op.CopyObject: 1, s3op.DeleteObject: 1})
}
