package e2e

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	// partSize is the mount's default.
	partSize = 10 * mib
)

// TestEveryShellHabit writes a file in each way that shells and their tools
// know, and compares the object with the same script's output on a local disk.
func TestEveryShellHabit(t *testing.T) {
	habits := []struct{ name, script string }{
		{"cp", `cp $SRC $DST`},
		{"cp preserving everything", `cp -p $SRC $DST`},
		{"tee", `cat $SRC | tee $DST > /dev/null`},
		{"redirection", `cat $SRC > $DST`},
		{"subshell", `(cat $SRC; cat $SRC) > $DST`},
		{"subshell of builtins", `(echo a; echo b; cat $SRC; echo c) > $DST`},
		{"loop", `for i in $(seq 200); do echo line $i; done > $DST`},
		{"children that write nothing", `(true; cat $SRC; true; sh -c :; head -c 70000 $SRC) > $DST`},
		{"children at the same time", `(cat $SRC & wait; sh -c 'sh -c true' & echo z; wait) > $DST`},
		{"descriptor", `exec 3> $DST; echo one >&3; cat $SRC >&3; exec 3>&-`},
		{"two descriptors", `exec 3> $DST 4>&3; echo one >&3; exec 3>&-; cat $SRC >&4; exec 4>&-`},
		{"dd", `dd if=$SRC of=$DST bs=64k status=none`},
		{"dd with a fsync", `dd if=$SRC of=$DST bs=1M conv=fsync status=none`},
		{"tar", `tar cf $DST -C $(dirname $SRC) --mtime=@0 --owner=0 --group=0 $(basename $SRC)`},
		{"gzip", `gzip -nc $SRC > $DST`},
		{"install", `install -m 600 $SRC $DST`},
		{"cat of nothing", `cat /dev/null > $DST`},
		{"over an old file", `echo old > $DST; cp $SRC $DST`},
		{"no clobber", `set -C; echo new > $DST`},
		{"python", `python3 -c "
import sys, shutil
with open('$SRC','rb') as i, open('$DST','wb') as o: shutil.copyfileobj(i, o)"`},
		{"perl", `perl -e 'open(F, ">", $ENV{DST}); print F "x" x 300000; close(F) or die'`},
	}
	onEachStore(t, func(t *testing.T, s *store) {
		m := mountBucket(t, s)
		src := m.local("src.bin", random(1, 25*mib+123))
		for i, h := range habits {
			name := fmt.Sprintf("file%d.bin", i)
			local := filepath.Join(m.work, name)
			t.Run(h.name, func(t *testing.T) {
				m := m.within(t)
				m.sh(h.script, "SRC="+src, "DST="+local)
				m.sh(h.script, "SRC="+src, "DST="+m.path(name))
				m.wantObject(name, m.localFile(name))
			})
		}
	})
}

// TestSizesAroundParts writes files whose sizes are special to S3.
func TestSizesAroundParts(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store) {
		m := mountBucket(t, s)
		content := random(2, 3*partSize+1)
		for _, n := range []int{0, 1, 4095, 4096, 128 * kib, mib, 5*mib - 1, 5 * mib, 5*mib + 1,
			partSize - 1, partSize, partSize + 1, 3*partSize - 1, 3 * partSize, 3*partSize + 1} {
			name := fmt.Sprintf("%d.bin", n)
			src := m.local(name, content[:n])
			m.sh(`dd if=$SRC of=$MNT/$NAME bs=1M status=none`, "SRC="+src, "NAME="+name)
			m.wantObject(name, content[:n])
			m.sh(`cmp $SRC $MNT/$NAME`, "SRC="+src, "NAME="+name)
		}
	})
}

// TestUnusualBlocks writes with blocks that fit nothing.
func TestUnusualBlocks(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t))
	content := random(3, 11*mib+17)
	src := m.local("src", content)
	for _, bs := range []string{"7", "4097", "100001", "3M", "16M"} {
		count := "1000000"
		if bs == "7" {
			count = "20000"
		}
		m.sh(`dd if=$SRC of=$MNT/f bs=$BS count=$COUNT status=none`, "SRC="+src, "BS="+bs, "COUNT="+count)
		want := content
		if bs == "7" {
			want = content[:140000]
		}
		m.wantObject("f", want)
	}
}

func TestTouch(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store) {
		m := mountBucket(t, s)
		m.sh(`touch $MNT/e; test -f $MNT/e; test ! -s $MNT/e`)
		m.wantObject("e", nil)
		content := random(4, 100)
		m.put("old", content)
		m.sh(`touch $MNT/old`)
		m.wantObject("old", content)
	})
}

// TestDaemon: the process that opened the file is gone when its child writes
// and closes.
func TestDaemon(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store) {
		m := mountBucket(t, s)
		content := random(5, 12*mib)
		src := m.local("src", content)
		m.sh(`
			mkfifo go gone
			bash -c 'exec 3> $MNT/f; (read < go; cat $SRC >&3; exec 3>&-; echo > gone) & echo $! > child'
			echo > go
			read < gone
		`, "SRC="+src)
		m.wantObject("f", content)
	})
}

// TestDaemonThatJustExits: the last descriptor is closed by the end of a process
// that never opened the file.
func TestDaemonThatJustExits(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t))
	content := random(6, 12*mib)
	src := m.local("src", content)
	m.sh(`
		mkfifo go
		bash -c 'exec 3> $MNT/f; (read < go; exec cat $SRC >&3) & echo $! > child'
		echo > go
		while kill -0 $(cat child) 2> /dev/null; do sleep 0.02; done
	`, "SRC="+src)
	m.eventually("the object is whole", func() bool {
		return m.exists("f") && *m.head("f").ContentLength == int64(len(content))
	})
	m.wantObject("f", content)
}

func TestTarOfAFolder(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store) {
		m := mountBucket(t, s)
		files := map[string][]byte{}
		for i := range 40 {
			name := fmt.Sprintf("dir/%d/f%d", i%3, i)
			files[name] = random(byte(i), i*i*700)
			path := filepath.Join(m.work, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			m.local(name, files[name])
		}
		m.sh(`tar cf $MNT/a.tar dir; tar xf $MNT/a.tar -C $MNT; diff -r dir $MNT/dir; cp -r dir $MNT/copy; diff -r dir $MNT/copy`)
		archive := tar.NewReader(bytes.NewReader(m.object("a.tar")))
		for {
			header, err := archive.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(archive)
			if err != nil {
				t.Fatal(err)
			}
			if want, isFile := files[header.Name]; isFile {
				if !bytes.Equal(content, want) {
					t.Errorf("%s in the archive: %s", header.Name, difference(content, want))
				}
				m.wantObject(header.Name, want)
				m.wantObject("copy"+header.Name[len("dir"):], want)
				delete(files, header.Name)
			}
		}
		if len(files) != 0 {
			t.Errorf("%d files are not in the archive", len(files))
		}
	})
}
