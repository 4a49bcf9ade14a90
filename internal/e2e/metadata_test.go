package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// remount ends the mount and mounts the bucket again.
func (m *mount) remount(flags ...string) *mount {
	m.t.Helper()
	m.end()
	return m.bucket.mount(flags...)
}

// odd makes a tree of n files with all that tools may find odd.
const odd = `
umask 022; mkdir -p src/d/e 'src/a b' src/.hidden; cd src
for i in $(seq $N); do echo $i > d/f$i; done
touch d/f1; chmod 600 d/f2; chmod 755 d/f3; chmod 4711 d/f4
touch d/old d/new
echo x > "$(printf 'new\nline')"; echo x > 'per%cent+plus&and'; echo x > $'\u00fcml\u00e4ut'; echo x > "$(printf '%0255d' 7)"
ln -s d/f1 link; ln -s /nowhere 'a b/dangling'; ln -s "$(printf '%01000d' 1)" long
chmod 700 d/e; chmod 2750 'a b'; echo x > .hidden/x
[ "$(id -u)" = 0 ] && { chown 12:34 d/f5; chown -h 12:34 link; } || true
find . -exec touch -h -d '2001-02-03 04:05:06.789' {} +
touch -d '1965-01-01 00:00:00.5 UTC' d/old; touch -d '2100-01-01 UTC' d/new
`

// attributes prints all that stat tells of a tree, without sizes of folders.
const attributes = `( cd $DIR && find . -mindepth 1 -printf '%P|%y|%m|%U|%G|%T@|%l\n' | sort )`

func (m *mount) attributes(dir string) string {
	m.t.Helper()
	return m.sh(attributes, "DIR="+dir)
}

func (m *mount) wantSameAttributes(a, b string) {
	m.t.Helper()
	if x, y := m.attributes(a), m.attributes(b); x != y {
		m.local("x", []byte(x))
		m.local("y", []byte(y))
		_, diff := m.try(`diff x y`)
		m.t.Errorf("%s and %s differ:\n%s", a, b, diff)
	}
}

// TestArchivesAreKept: what cp -a, rsync -a and tar give a tree is there after
// a remount, folders included.
func TestArchivesAreKept(t *testing.T) {
	for name, script := range map[string]string{
		"cp":    `cp -a src $MNT/dst`,
		"rsync": `rsync -a src/ $MNT/dst`,
		"tar":   `tar -C src --format=posix -cf a.tar .; mkdir $MNT/dst; tar -C $MNT/dst -xpf a.tar`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "rsync" {
				if _, err := exec.LookPath("rsync"); err != nil {
					t.Fatal("rsync is not installed: scripts/test does that")
				}
			}
			onMoto(t, func(t *testing.T, s *store) {
				m := mountBucket(t, s)
				m.sh(odd+`rm "$(printf 'new\nline')"; cd ..`+"\n"+script, "N=20")
				m.wantSameAttributes("src", m.path("dst"))
				m = m.remount()
				m.wantSameAttributes("src", m.path("dst"))
			})
			t.Run("versitygw", func(t *testing.T) {
				t.Parallel()
				m := mountBucket(t, all.versitygw(t))
				m.sh(odd+"cd ..\n"+script, "N=20")
				m.wantSameAttributes("src", m.path("dst"))
				m = m.remount()
				m.wantSameAttributes("src", m.path("dst"))
			})
		})
	}
}

// TestRsyncTwice: the second run, after a remount, and the third move nothing.
func TestRsyncTwice(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("rsync"); err != nil {
		t.Fatal("rsync is not installed: scripts/test does that")
	}
	m := mountBucket(t, all.versitygw(t))
	m.sh(odd, "N=50")
	run := func() string {
		m.t.Helper()
		stats := m.sh(`rsync -a --stats src/ $MNT/dst`)
		_, after, _ := strings.Cut(stats, "Number of regular files transferred: ")
		count, _, _ := strings.Cut(after, "\n")
		return count
	}
	if first := run(); first != "57" {
		t.Errorf("the first run moved %s files", first)
	}
	if again := run(); again != "0" {
		t.Errorf("the second run moved %s files", again)
	}
	m = m.remount()
	if again := run(); again != "0" {
		t.Errorf("the run after a remount moved %s files", again)
	}
}

// TestTarCompares: tar -d finds nothing to say about what tar -x made.
func TestTarCompares(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t))
	m.sh(odd+`rm -r "$(printf 'new\nline')"; chmod 00755 d/e 'a b'; cd ..; tar -C src --format=posix -cf a.tar .; tar -C $MNT -xpf a.tar; tar -C $MNT -df a.tar`, "N=20")
	m = m.remount()
	m.sh(`tar -C $MNT -df a.tar`)
}

// TestRequestsOfAttributes: attributes that come before the object cost
// nothing, later ones one copy, of which a rename is one already.
func TestRequestsOfAttributes(t *testing.T) {
	t.Parallel()
	m, proxy := counted(t)
	put, one := map[string]int{s3op.PutObject: 1}, func(op string, n int) map[string]int { return map[string]int{op: n} }
	m.sh(`echo x > f; chmod 750 f; touch -d @1000000000 f; cp -p f $MNT/small`)
	m.wantWrites(proxy, put)
	m.sh(`umask 022; echo x > $MNT/plain; sync $MNT/plain`)
	m.wantWrites(proxy, put)
	m.sh(`umask 077; echo x > $MNT/secret; sync $MNT/secret`)
	m.wantWrites(proxy, put)
	m.sh(`ln -s target $MNT/link`)
	m.wantWrites(proxy, put)
	m.sh(`head -c 25M /dev/zero > big; touch -d @1000000000 big; cp -p big $MNT/big; sync $MNT/big`)
	want := upload(3)
	want[s3op.CopyObject] = 1
	m.wantWrites(proxy, want)
	m.sh(`cp big $MNT/tmp; touch -d @1000000000 $MNT/tmp; chmod 600 $MNT/tmp; mv $MNT/tmp $MNT/renamed; sync $MNT/renamed`)
	want = upload(3)
	want[s3op.CopyObject], want[s3op.DeleteObject] = 1, 1
	m.wantWrites(proxy, want)
	m.sh(`touch -d @1000000001 $MNT/big; chmod 640 $MNT/big; touch -d @1000000002 $MNT/big`)
	m.eventually("the attributes are stored", func() bool { return proxy.Counts()[s3op.CopyObject].Requests > 0 })
	m.sh(`sync $MNT/big`)
	m.wantWrites(proxy, one(s3op.CopyObject, 1))
	m.sh(`touch -d @1000000002 $MNT/big; chmod 640 $MNT/big; sync $MNT/big`)
	m.wantWrites(proxy, map[string]int{})
	m.sh(`chmod 700 $MNT/small; rm $MNT/small`)
	m.wantWrites(proxy, one(s3op.DeleteObject, 1))
	for name, want := range map[string]string{
		"secret": "600 0 -", "link": "777 0 -", "big": "640 1000000002 1000000002.000000000", "renamed": "600 1000000000 1000000000.000000000",
	} {
		fields := strings.Fields(want)
		if mode := strings.TrimSpace(m.sh(`stat -c %a $MNT/` + name)); mode != fields[0] {
			t.Errorf("%s has mode %s, want %s", name, mode, want)
		}
		metadata := m.head(name).Metadata
		if got := metadata["mtime"]; fields[2] != "-" && got != fields[2] {
			t.Errorf("%s: mtime %q, want %s", name, got, want)
		}
		if n, err := strconv.ParseUint(metadata["mode"], 10, 32); err != nil || fmt.Sprintf("%o", n&0o777) != fields[0] {
			t.Errorf("%s: mode %q, want %s", name, metadata["mode"], want)
		}
	}
	if metadata := m.head("plain").Metadata; len(metadata) != 0 {
		t.Errorf("a file like all others has the metadata %v", metadata)
	}
}

// TestListingAsksOnlyWhereItMust: ls -lR of what other tools wrote costs one
// LIST for 1,000 names and no HEAD; of what the mount wrote with attributes one
// HEAD for each name, once.
func TestListingAsksOnlyWhereItMust(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	proxy := b.behindProxy()
	const theirs = 3000
	for i := range theirs {
		b.put(fmt.Sprintf("theirs/%d/f%05d", i%3, i), nil)
	}
	m := b.mount()
	m.sh(`mkdir $MNT/ours; for i in $(seq 40); do echo $i > $TMP/f; touch -d @$((1000000000+i)) $TMP/f; cp -p $TMP/f $MNT/ours/f$i; done`)
	m = m.remount()
	proxy.ResetCounts()
	m.sh(`ls -lR $MNT/theirs > list; [ $(grep -c f0 list) = 3000 ]`)
	if c := proxy.Counts(); c[s3op.HeadObject].Requests > 1 || c[s3op.ListObjectsV2].Requests > 3+1+6 {
		t.Errorf("ls -lR of %d objects cost %v", theirs, c)
	}
	proxy.ResetCounts()
	ours := m.sh(`ls -l --time-style=+%s $MNT/ours`)
	if n := strings.Count(ours, " 10000000"); n != 40 {
		t.Errorf("%d of 40 times are right:\n%s", n, ours)
	}
	if heads := proxy.Counts()[s3op.HeadObject].Requests; heads > 42 {
		t.Errorf("%d HEADs for 40 objects", heads)
	}
	m = m.remount("--metadata-ttl", "1ms")
	proxy.ResetCounts()
	m.sh(`for i in 1 2 3 4 5; do ls -l $MNT/ours > /dev/null; done`)
	if heads := proxy.Counts()[s3op.HeadObject].Requests; heads > 40+3*5 { // those of the folder itself
		t.Errorf("%d HEADs for 40 objects, looked at five times", heads)
	}
}

// TestPreserve: what is not kept stays as it was, at once.
func TestPreserve(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]string{"none": "644 -", "times": "644 1000000000", "all": "600 1000000000"} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			m := mountBucket(t, all.versitygw(t), "--preserve", flag)
			m.sh(`umask 077; echo x > $MNT/new; echo x > f; touch -d @1000000000 f; cp -p f $MNT/f; chmod 600 $MNT/f`)
			mode, mtime, _ := strings.Cut(want, " ")
			for range 2 {
				got := strings.Fields(m.sh(`stat -c '%a %Y' $MNT/f; stat -c %a $MNT/new`))
				if got[0] != mode || got[2] != mode || mtime != "-" && got[1] != mtime || mtime == "-" && got[1] == "1000000000" {
					t.Errorf("%v, want %s", got, want)
				}
				m = m.remount("--preserve", flag)
			}
			if err := os.Symlink("x", m.path("link")); (err == nil) != (flag == "all") {
				t.Errorf("symlink: %v", err)
			}
		})
	}
}
