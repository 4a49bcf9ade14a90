package e2e

import "testing"

// TestPrograms runs ordinary programs that write as they like, and compares
// with what they do on a local disk. A script runs with $D, once a local folder
// and once one of the mount, and the two are compared at its end.
func TestPrograms(t *testing.T) {
	programs := []struct{ name, script string }{
		{"editor that saves by rename", `
			seq 1000 > $D/text
			sed 's/7/seven/' $D/text > $D/.text.swp; mv $D/.text.swp $D/text
			cp $D/text $D/text~; seq 2000 > $D/text`},
		{"editors that keep the old file", `
			seq 1000 > $D/text
			for i in 1 2 3; do
				ln -s someone@somewhere.123 $D/.#text; echo $i > $D/#text#; mv $D/text $D/text~
				seq $i 1000 > $D/text; sync $D/text; chmod --reference=$D/text~ $D/text; rm $D/.#text $D/#text#
			done
			set -C; echo > $D/.text.swp; if echo > $D/.text.swp; then exit 1; fi; rm $D/.text.swp`},
		{"locks", `mkdir $D/lock; if mkdir $D/lock; then exit 1; fi; rmdir $D/lock
			exec 9> $D/locked; flock -n 9; if flock -n $D/locked true; then exit 1; fi; exec 9>&-; flock -n $D/locked true`},
		{"links", `cd $D; mkdir d; echo x > d/f; ln -s d now; cat now/f; ln -sfn nowhere now; if cat now/f; then exit 1; fi; ln -sf d/f now; cat now
			ln -s a b; ln -s b a; if cat a; then exit 1; fi; mv now then; cp -P then again; readlink again; touch -h -d @5 then; test $(stat -c %Y then) = 5; rm a b then again`},
		{"sed -i", `seq 100000 > $D/text; sed -i 's/5/five/g' $D/text; sed -i.bak 2d $D/text`},
		{"sort -o", `seq 200000 | shuf --random-source=/dev/zero > $D/text; sort -n -o $D/text $D/text`},
		{"split and cat", `head -c 25000000 /dev/zero | tr '\0' x > $D/all; split -b 4M $D/all $D/part.; cat $D/part.* > $D/again; cmp $D/all $D/again`},
		{"truncate", `truncate -s 12M $D/a; truncate -s 5000 $D/a; truncate -s +9M $D/a; echo end >> $D/a`},
		{"dd into the middle", `head -c 30M /dev/zero > $D/a; echo middle | dd of=$D/a bs=1 seek=15000000 conv=notrunc status=none
			echo start | dd of=$D/a conv=notrunc status=none; echo end | dd of=$D/a bs=1M seek=31 conv=notrunc status=none`},
		{"tar that appends", `seq 1000 > $D/one; seq 2000 > $D/two
			cd $D; tar --mtime=@0 -cf a.tar one; tar --mtime=@0 -rf a.tar two; tar tf a.tar`},
		{"python zipfile", `python3 -c '
import os, zipfile
def add(z, name, data): z.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
path = os.environ["D"] + "/a.zip"
with zipfile.ZipFile(path, "w") as z:
	for i in range(30): add(z, "file%d" % i, bytes([i]) * 700000)
for i in range(3):
	with zipfile.ZipFile(path, "a") as z: add(z, "more%d" % i, bytes([i]) * 100000)
with zipfile.ZipFile(path) as z: assert z.testzip() is None and len(z.namelist()) == 33'`},
		{"python tarfile", `python3 -c '
import io, os, tarfile
path = os.environ["D"] + "/a.tar"
def add(mode, name, size):
	with tarfile.open(path, mode) as t:
		info = tarfile.TarInfo(name); info.size = size
		t.addfile(info, io.BytesIO(b"x" * size))
add("w", "one", 7000000); add("a", "two", 7000000); add("a", "three", 7000000)
with tarfile.open(path) as t: assert t.getnames() == ["one", "two", "three"]'`},
		{"python that seeks", `python3 -c '
import os
f = open(os.environ["D"] + "/f", "w+b")
f.write(b"a" * 12000000); f.seek(100); f.write(b"b" * 100); f.flush()
f.seek(0, 2); f.write(b"c" * 5000000); f.seek(11000000); assert f.read(3) == b"aaa"
f.write(b"d" * 10); os.fsync(f.fileno()); f.seek(0); assert len(f.read()) == 17000000
f.truncate(16000000); f.close()'`},
		{"sqlite", `sqlite3 $D/a.db 'pragma journal_mode=delete; create table t (n integer primary key, s text);' > /dev/null
			(echo 'begin;'; for i in $(seq 10000); do echo "insert into t values ($i, 'row $i of a table');"; done; echo 'commit;') | sqlite3 $D/a.db
			sqlite3 $D/a.db 'update t set s = upper(s) where n % 7 = 0; delete from t where n % 11 = 0;'
			test "$(sqlite3 $D/a.db 'pragma integrity_check')" = ok
			sqlite3 $D/a.db .dump > $D/dump.sql; rm $D/a.db`},
		{"HDF5", `printf '%s\n' 'PATH /set/numbers' 'INPUT-CLASS TEXTFP' 'RANK 2' 'DIMENSION-SIZES 2000 1000' 'OUTPUT-CLASS FP' 'OUTPUT-SIZE 64' > $D/layout
			seq 2000000 > $D/text; cd $D
			h5import text -c layout -outfile a.h5; h5repack -l CHUNK=50x1000 -f SHUF -f GZIP=1 a.h5 b.h5
			for i in 1 2 3; do h5copy -p -i a.h5 -o b.h5 -s /set/numbers -d /more/numbers$i; done
			h5diff a.h5 b.h5 /set/numbers /more/numbers3; h5ls -r b.h5 > listing; h5dump -d /set/numbers -s '1500,3' -c '2,5' b.h5 > dump
			rm a.h5 b.h5`},
		{"git", `git init -q --bare $D/repo.git; git -C $D/repo.git config gc.auto 0
			git clone -q $D/repo.git $D/clone 2> /dev/null
			cd $D/clone; git config user.name n; git config user.email e@example.com
			for i in $(seq 15); do seq $((i * 1000)) > file$i; git add -A; git commit -q -m $i --date=@$i; done
			git push -q origin HEAD; git fsck --strict 2>&1; git -C $D/repo.git fsck; git gc -q; git fsck
			cd $D; git clone -q repo.git again; diff -r --exclude=.git clone again
			rm -rf $D/clone/.git $D/again $D/repo.git`},
		{"rsync", `mkdir s; for i in $(seq 20); do seq $((i * 5000)) > s/f$i; done; mkdir s/sub; head -c 12M /dev/zero > s/sub/big
			touch -d @1000000000 s/* s/sub/*
			rsync -a s/ $D/d
			test -z "$(rsync -a --out-format=%n s/ $D/d | grep -v '/$')"
			echo change >> s/f3; rsync -a s/ $D/d
			rsync -a --inplace --no-whole-file s/ $D/d
			echo more >> s/sub/big; rsync -a --append-verify s/ $D/d
			head -c 5M s/sub/big > $D/d/sub/big; rsync -a --append-verify s/ $D/d
			diff -r s $D/d; rm -r s`},
		{"several writers of one file", `head -c 24M /dev/zero > $D/f
			for i in 0 1 2 3 4 5; do (head -c 4M /dev/zero | tr '\0' $i | dd of=$D/f bs=1M seek=$((i * 4)) conv=notrunc iflag=fullblock status=none) & done; wait`},
		{"moves", `mkdir -p $D/a/b; head -c 12M /dev/zero > $D/a/b/big; seq 10 > $D/a/small; mv $D/a $D/c; mv $D/c/b/big $D/top
			seq 20 > $D/x; mv $D/x $D/c/small; mkdir $D/e; mv $D/e $D/f`},
		{"installs", `install -D -m 755 /bin/true $D/usr/bin/true; ln $D/usr/bin/true $D/hard 2> /dev/null || cp $D/usr/bin/true $D/hard; $D/usr/bin/true`},
	}
	onEachStore(t, func(t *testing.T, s *store) {
		m := mountBucket(t, s)
		for i, p := range programs {
			if s.slow && p.name == "git" { // which makes a thousand requests
				continue
			}
			t.Run(p.name, func(t *testing.T) {
				m := m.within(t)
				name := string(rune('a' + i))
				m.sh(`mkdir $TMP/$NAME $MNT/$NAME`, "NAME="+name)
				m.sh(p.script, "D="+m.work+"/"+name)
				m.sh(p.script, "D="+m.path(name))
				m.sh(`diff -r $TMP/$NAME $MNT/$NAME`, "NAME="+name)
				for _, file := range m.files(name) {
					m.wantObject(file, m.localFile(file))
				}
			})
		}
	})
}

// TestFio lets fio write blocks of all sizes anywhere and verify them.
func TestFio(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t), "--memory", "64MiB")
	for name, options := range map[string]string{
		"write":     "--rw=write --bs=128k --size=40M",
		"rw":        "--rw=rw --bsrange=4k-1M --size=24M",
		"randwrite": "--rw=randwrite --bsrange=4k-1M --size=24M",
		"randrw":    "--rw=randrw --bs=4k --size=12M --number_ios=600",
		"threads":   "--rw=randwrite --bs=64k --size=16M --numjobs=3 --thread",
		"synced":    "--rw=write --bs=256k --size=12M --fsync=16",
	} {
		t.Run(name, func(t *testing.T) {
			m := m.within(t)
			m.sh(`fio --name=$NAME --directory=$MNT --verify=crc32c --verify_fatal=1 --do_verify=1 --ioengine=psync --randseed=1 --fallocate=none $OPTIONS`,
				"NAME="+name, "OPTIONS="+options)
		})
	}
}
