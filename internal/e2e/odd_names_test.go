package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// oddNames are n names of every kind that a folder on a local disk may hold.
func oddNames(n int) (names []string) {
	kinds := []string{
		"plain%d", "with space %d", " lead%d", "trail%d ", "ünïcödé %d", "日本語-%d.txt", "emoji😀%d", "new\nline%d", "tab\t%d",
		".hidden%d", "..twodots%d", "-dash%d", "%%%d", "%%20%d", "+plus+%d", "a&b=%d", "semi;colon%d", "quote'%d\"", "back\\slash%d",
		"star*%d?", "[brackets]%d", "$dollar%d`tick`", "#hash%d", "~tilde%d", "colon:%d", "|pipe%d<>", "e\u0301combining%d", "RTL\u202e%d",
		strings.Repeat("n", 250) + "%05d",
	}
	for i := range n {
		names = append(names, fmt.Sprintf(kinds[i%len(kinds)], i))
	}
	return names
}

// makeOdd makes a local tree of files with odd names in folders with odd names.
func (b *bucket) makeOdd(dir string, n int) {
	b.t.Helper()
	folders := oddNames(20)
	for i, name := range oddNames(n) {
		folder := filepath.Join(b.work, dir, folders[i%len(folders)])
		if i < 200 {
			folder = filepath.Join(b.work, dir)
			name = "top " + name[:min(len(name), 251)]
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(name), 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
}

// nothingToMove is a script that fails if rsync still finds a file to send.
const nothingToMove = `
	rsync -a $HOW --itemize-changes src/ $MNT/dst > changes
	if grep '^[<>ch]' changes; then exit 1; fi`

// TestRsyncOfOddNames copies 2,000 files, and twice more, the last time over a
// new mount, when nothing is left to be done.
func TestRsyncOfOddNames(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	b.makeOdd("src", 2000)
	proxy := b.behindProxy()
	m := b.mount()
	m.sh(`mkdir $MNT/dst; rsync -a src/ $MNT/dst; diff -r src $MNT/dst`)
	m.sh(nothingToMove, "HOW=")
	if code, output := m.umount(); code != 0 {
		t.Fatal(output)
	}
	m = b.mount()
	proxy.ResetCounts()
	m.sh(nothingToMove, "HOW=")
	m.wantWrites(proxy, map[string]int{})
	m.sh(`diff -r src $MNT/dst`)
}

// TestTarOfOddNames packs and unpacks within the mount.
func TestTarOfOddNames(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	b.makeOdd("src", 600)
	m := b.mount()
	m.sh(`tar -C src -cf $MNT/a.tar .; mkdir $MNT/out; tar -C $MNT/out -xf $MNT/a.tar; diff -r src $MNT/out
		tar -C $MNT/out -cf again.tar .; mkdir back; tar -C back -xf again.tar; diff -r src back
		mv $MNT/out $MNT/moved; diff -r src $MNT/moved; rm -r $MNT/moved $MNT/a.tar; ! ls -A $MNT | grep .`)
	if keys := m.keys(); len(keys) != 0 {
		t.Errorf("left: %q", keys)
	}
}
