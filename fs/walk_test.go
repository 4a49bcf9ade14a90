package fs_test

import (
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/s3mpfs/s3mpfs/fs"
	"github.com/s3mpfs/s3mpfs/internal/s3fake"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
	"github.com/s3mpfs/s3mpfs/writer"
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

// Who reads on in a listing that another has replaced since is told, too, what
// this mount has written and removed meanwhile.
func TestAnOldListingKnowsOurWrites(t *testing.T) {
	m := mount(t, settings{Objects: 3000, Options: fs.Options{MetadataTTL: 200 * time.Millisecond}})
	dir, err := os.Open(m.path("many"))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for range 5 { // in small steps, of which the kernel reads each by itself
		m.readSome(dir)
	}
	for range 2 { // each a listing of its own
		m.sh(`sleep 0.3; test $(ls many | wc -l) = 3000`)
	}
	m.sh(`for i in $(seq 1500 10 2900); do echo ours > many/00$i; done; rm many/002999`)
	written := 0
	for names := m.readSome(dir); len(names) > 0; names = m.readSome(dir) {
		for _, name := range names {
			switch content, err := os.ReadFile(m.path("many/" + name)); {
			case err != nil:
				t.Fatal(name, err)
			case len(content) > 0:
				written++
			}
		}
	}
	if written != 141 {
		t.Errorf("%d names are as they were written", written)
	}
}

func (m *mounted) readSome(dir *os.File) (names []string) {
	m.Helper()
	entries, err := dir.ReadDir(20)
	if err != nil && err != io.EOF {
		m.Fatal(err)
	}
	for _, e := range entries {
		if _, err := e.Info(); err != nil { // so that the kernel asks for attributes with the names
			m.Fatal(err)
		}
		names = append(names, e.Name())
	}
	return names
}

// The directories of the root are asked for their attributes, but where there are
// many they are not all read for that.
func TestManyDirectoriesOfTheRoot(t *testing.T) {
	const dirs, files = 500, 20
	m := mount(t, settings{})
	for d := range dirs {
		for f := range files {
			m.set(fmt.Sprintf("%03d/%d", d, f), "")
		}
	}
	m.setWith("250/", "", writer.Attributes{})
	m.sh(`chmod 700 250; touch -d @1000000000 499`)
	for script, most := range map[string]struct {
		ttl             time.Duration
		requests, names int
	}{
		`ls -l | grep -c ^d`:  {10 * time.Millisecond, dirs + 5, dirs*2 + 128*(files+1)}, // which takes longer
		`ls -lR | grep -c ^-`: {time.Minute, 2*dirs + 5, dirs*2 + dirs*(files+1)},
	} {
		m.remount(settings{Options: fs.Options{MetadataTTL: most.ttl}})
		var counts s3fake.Counts
		n := m.requests(func() {
			if out := m.sh(script); out != fmt.Sprintln(dirs) && out != fmt.Sprintln(dirs*files) {
				t.Errorf("%s: %s", script, out)
			}
		})
		m.call("Counts", None{}, &counts)
		t.Log(script, n, counts.Listed)
		if n[s3op.ListObjectsV2] > most.requests || n[s3op.HeadObject] > 5 || counts.Listed > most.names {
			t.Errorf("%s cost %v and listed %d names", script, n, counts.Listed)
		}
		if got := m.sh(`stat -c '%a' 250; stat -c '%a %Y' 499`); got != "700\n755 1000000000\n" {
			t.Errorf("attributes: %s", got)
		}
	}
}

// Who goes back in a directory finds each name again that is still there, though
// others were removed or made since.
func TestSeekBackWhileNamesChange(t *testing.T) {
	m := mount(t, settings{})
	m.sh(`mkdir d; for i in $(seq -w 500); do > d/$i; done; python3 -c '` + readdirInPython + `
d = libc.opendir(b"d")
def read(n=1000):
    names = []
    while len(names) < n:
        e = libc.readdir(d)
        if not e: break
        names.append(e.contents.name)
    return names
first = read(300)
place = libc.telldir(d)
rest = read()
assert len(first) + len(rest) == 502, len(rest)
for name in first[2:]: os.unlink(b"d/" + name)
for i in range(50): open("d/0new%d" % i, "w").close()
libc.seekdir(d, place)
assert read()[:len(rest)] == rest
'`)
}

// What S3 told before this mount replaced an object, but was heard after it, does
// not make the old one be shown.
func TestALateAnswerHidesNoWrite(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{MetadataTTL: 200 * time.Millisecond}})
	m.set("f", "theirs")
	m.sh(`cat f; sleep 0.25`)
	m.call("Reset", None{}, &None{})
	m.call("HoldAnswer", s3op.HeadObject, &None{})
	looked := make(chan error, 1)
	go func() {
		_, err := os.Stat(m.path("f"))
		looked <- err
	}()
	m.await(s3op.HeadObject)
	m.sh(`echo ours, which is longer > f; sync f`)
	m.call("Let", None{}, &None{})
	if err := <-looked; err != nil {
		t.Error(err)
	}
	if got := m.sh(`cat f; stat -c %s f`); got != "ours, which is longer\n22\n" {
		t.Errorf("read %q", got)
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
