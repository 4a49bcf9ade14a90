package fs_test

import (
	"testing"
	"time"

	"github.com/s3mpfs/s3mpfs/fs"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// total is the number of requests of all operations.
func total(requests map[string]int) (n int) {
	for _, k := range requests {
		n += k
	}
	return n
}

// TestManySmallFilesIntoADirectoryOfOthers that this mount has not listed yet:
// one LIST answers for most of the names that cp looks for before it makes them.
func TestManySmallFilesIntoADirectoryOfOthers(t *testing.T) {
	const files = 300
	m := mount(t, settings{})
	m.set("d/theirs", "x")
	src := t.TempDir()
	m.sh(`cd ` + src + `; seq 300 | split -l 1 -a 3`)
	n := m.requests(func() { m.sh(`cp ` + src + `/* d`) })
	t.Log(n)
	if n[s3op.PutObject] != files || total(n) > files+60 { // some for each second that it takes
		t.Errorf("%d files cost %v", files, n)
	}
	if keys := m.keys(); len(keys) != files+1 {
		t.Errorf("%d keys", len(keys))
	}
}

// TestANameIsLookedForOnce although programs and the kernel look for it before it
// is made, and the open that makes it does too.
func TestANameIsLookedForOnce(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{MetadataTTL: time.Hour}})
	m.set("d/theirs", "x")
	src := t.TempDir()
	m.sh(`echo x > ` + src + `/x; test -d d`)
	for _, script := range []string{`cp ` + src + `/x d/copy`, `echo x >> d/appended`, `test ! -e d/made; echo x > d/made`} {
		n := m.requests(func() { m.sh(script) })
		if n[s3op.HeadObject] != 1 || n[s3op.ListObjectsV2] != 1 || n[s3op.PutObject] != 1 || total(n) != 3 {
			t.Errorf("%s: %v", script, n)
		}
	}
}

// TestWhatThisMountMakesIsSeen although the name was missing just now.
func TestWhatThisMountMakesIsSeen(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{MetadataTTL: time.Hour}})
	m.sh(`mkdir from; echo x > from/x; echo x > f`)
	for _, script := range []string{
		`test ! -e to/x; mv from to; test -e to/x`,
		`test ! -e g; mv f g; test -e g; test ! -e f; mv g f; test -e f`,
		`test ! -e l; ln -s f l; test -L l`,
		`test ! -e d; mkdir d; test -d d; test ! -e d/sub/x; mkdir d/sub; echo x > d/sub/x; test -e d/sub/x`,
		`test ! -e h; echo x > h; rm h; test ! -e h; echo x > h; test -e h`,
		`test ! -e c; cp --reflink=auto f c; test -e c`,
	} {
		m.sh(`set -e; ` + script)
	}
}

// TestNamesThatAreNotThere are asked for one by one until to list the directory
// costs no more than that, which for a long one is later.
func TestNamesThatAreNotThere(t *testing.T) {
	m := mount(t, settings{Objects: 3500, Options: fs.Options{MetadataTTL: time.Hour}})
	n := m.requests(func() { m.sh(`for i in $(seq 100); do ! test -e many/absent$i || exit; done`) })
	if heads, lists := n[s3op.HeadObject], n[s3op.ListObjectsV2]; heads > 45 || lists > heads+1+4+2 {
		t.Errorf("100 names that are not there cost %v", n)
	}
	m.sh(`test -e many/000000 && test -e many/003499`)
}

// TestTooLongADirectoryIsNotListed but for the first pages.
func TestTooLongADirectoryIsNotListed(t *testing.T) {
	m := mount(t, settings{Objects: 30_000, Options: fs.Options{MetadataTTL: time.Hour}})
	n := m.requests(func() { m.sh(`for i in $(seq 60); do ! test -e many/absent$i || exit; done`) })
	if lists := n[s3op.ListObjectsV2] - n[s3op.HeadObject]; lists > 8 {
		t.Errorf("60 names in a directory of 30,000 cost %v", n)
	}
}

// TestWhatOthersMakeIsSeen although the directory was listed when other names
// were looked for.
func TestWhatOthersMakeIsSeen(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{MetadataTTL: 10 * time.Millisecond}})
	m.set("d/a", "x")
	m.sh(`for i in $(seq 20); do ! test -e d/absent$i || exit; done; test -e d/a; ! test -e d/z`)
	m.set("d/z", "x")
	m.sh(`for i in $(seq 500); do test -e d/z && exit; sleep 0.01; done; exit 1`)
}

// TestWhatAnotherMadeFirstIsSeen by who is told so: mkdir -p looks for a folder
// after mkdir(2) has said that it exists, although it was missing just now, or
// still is in the listing that is believed.
func TestWhatAnotherMadeFirstIsSeen(t *testing.T) {
	for _, before := range []string{`test ! -e `, `ls -l; : `} {
		m := mount(t, settings{Options: fs.Options{MetadataTTL: time.Hour}})
		m.sh(before + `d`)
		m.set("d/", "")
		m.sh(`mkdir -p d && test -d d`)
		m.sh(before + `l`)
		m.set("l", "theirs")
		m.sh(`! ln -s target l && test -f l`)
	}
}

// TestWhatAFailedRenameLeftIsSeen under its new name as under its old one.
func TestWhatAFailedRenameLeftIsSeen(t *testing.T) {
	for _, before := range []string{`test ! -e `, `ls -l; : `} {
		m := mount(t, settings{Options: fs.Options{MetadataTTL: time.Hour}})
		m.sh(`echo x > a; mkdir from; echo x > from/x; ` + before + `b; ` + before + `to`)
		m.call("Fail", s3op.DeleteObject, &None{})
		m.sh(`! mv a b; ! mv from to; test -e a; test -e from/x`)
		m.call("Fail", "", &None{})
		m.sh(`mkdir -p to; test -e to/x; mkdir b || test -e b`)
		m.sh(`rm -rf from to a b; test ! -e b`)
		if keys := m.keys(); len(keys) > 0 {
			t.Errorf("left: %v", keys)
		}
	}
}
