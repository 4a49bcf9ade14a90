package fs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/s3mpfs/s3mpfs/fs"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// A tool that walks a tree that others wrote costs one LIST for each directory
// and no HEAD, however long it takes: here some ten times as long as S3's word
// is believed.
func TestWalkingATree(t *testing.T) {
	const dirs, files = 200, 20
	m := mount(t, settings{Options: fs.Options{MetadataTTL: 50 * time.Millisecond}})
	for d := range dirs {
		for f := range files {
			m.set(fmt.Sprintf("tree/%03d/%d", d, f), "x")
		}
	}
	for _, script := range []string{
		`ls -lR tree | grep -c ^-`,
		`find tree -type f -size +0 | wc -l`,
		`du -a tree | grep -c /.*/`,
		`python3 -c 'import os; print(sum(os.path.getsize(os.path.join(d, f)) for d, _, names in os.walk("tree") for f in names))'`,
	} {
		var out string
		n := m.requests(func() { out = m.sh(script) })
		if out != fmt.Sprintln(dirs*files) {
			t.Errorf("%s: %s", script, out)
		}
		t.Log(script, n)
		if n[s3op.ListObjectsV2] > dirs+dirs/10+5 || n[s3op.HeadObject] > 1+dirs/20 { // of the name on the command line, and where the machine paused
			t.Errorf("%s cost %v", script, n)
		}
	}
}

// Who reads a directory slowly, or was stopped meanwhile, is told what he read; a
// second one who begins anew changes nothing about that.
func TestAPausedWalk(t *testing.T) {
	const names = 3000
	m := mount(t, settings{Objects: names, Impatient: true, Options: fs.Options{MetadataTTL: time.Millisecond}})
	const script = `python3 -c '
import os, time
n = 0
with os.scandir("many") as read:
    for e in read:
        n += os.lstat(e.path).st_nlink
        if n == 100:
            time.sleep(0.01)
            with os.scandir("many") as second: next(second)
print(n)'`
	var out string
	n := m.requests(func() { out = m.sh(script) })
	if out != fmt.Sprintln(names) {
		t.Error(out)
	}
	t.Log(n)
	if heads := n[s3op.HeadObject]; heads > names/100 {
		t.Errorf("it cost %v", n)
	}
}

// A single name that is looked at again and again is asked for as often as the
// mount was told to.
func TestAWatchedNameIsAskedFor(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{MetadataTTL: 10 * time.Millisecond}})
	for i := range 10 {
		m.set(fmt.Sprint("f", i), "x")
	}
	m.sh(`ls -l`)
	m.set("f5", "longer")
	m.sh(`for i in $(seq 500); do test $(stat -c %s f5) = 6 && exit; sleep 0.01; done; exit 1`)
}
