package e2e

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/faultproxy"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// promises has a test for each row of README's table of semantics, by what the
// row says that the user does.
var promises = map[string]func(m *mount, p *faultproxy.Proxy){
	"`cp movie.mp4 MNT/`": func(m *mount, p *faultproxy.Proxy) {
		content := random(1, 23*mib)
		m.local("movie.mp4", content)
		m.sh(`cp movie.mp4 $MNT/`)
		m.wantObject("movie.mp4", content)
		p.Set(answer(s3op.CompleteMultipartUpload, 403, "AccessDenied"))
		if code, _ := m.try(`cp movie.mp4 $MNT/victim`); code == 0 {
			m.t.Error("cp reports success although the object could not be made")
		}
	},
	"overwrite `MNT/a`": func(m *mount, p *faultproxy.Proxy) {
		old, content := random(1, 1000), random(2, 15*mib)
		m.put("victim", old)
		f := m.create("victim")
		m.t.Cleanup(func() { f.Close() })
		if _, err := f.Write(content); err != nil {
			m.t.Fatal(err)
		}
		m.wantObject("victim", old)
		p.Set(answer(s3op.CompleteMultipartUpload, 403, "AccessDenied"))
		if err := f.Close(); err == nil {
			m.t.Error("close reports success")
		}
		m.wantObject("victim", old)
	},
	"`cat x | tee MNT/y`, `tar cf MNT/a.tar DIR`": func(m *mount, p *faultproxy.Proxy) {
		content := random(1, 35*mib)
		m.local("x", content)
		m.sh(`cat x | tee $MNT/y > /dev/null; mkdir DIR; cp x DIR/; tar cf $MNT/a.tar DIR; tar cf a.tar DIR`)
		m.wantObject("y", content)
		m.wantObject("a.tar", m.localFile("a.tar"))
		if parts := p.Counts()[s3op.UploadPart].Requests; parts < 8 {
			m.t.Errorf("%d parts", parts)
		}
	},
	"`cp -p`, `rsync -a`, `tar -x`, `touch -d`, `mv`, `ln -s`": func(m *mount, _ *faultproxy.Proxy) {
		m.sh(`echo x > f; touch -d @1000000000 f; chmod 750 f; tar -cf f.tar f; cp -p f $MNT/a; tar -C $MNT -xpf f.tar
			ln -s a $MNT/link; echo y > $MNT/b; touch -d @1000000000 $MNT/b; chmod 750 $MNT/b; mv $MNT/b $MNT/c`)
		for range 2 {
			for _, name := range []string{"a", "f", "c"} {
				m.wantOutput(`stat -c '%a %Y' $MNT/`+name, "750 1000000000")
			}
			m.wantOutput(`readlink $MNT/link`, "a")
			m = m.remount()
		}
	},
	"`(cat a; cat b) > MNT/c`": func(m *mount, _ *faultproxy.Proxy) {
		a, b := random(1, 12*mib), random(2, 100)
		m.local("a", a)
		m.local("b", b)
		m.sh(`(cat a; cat b) > $MNT/c`)
		m.wantObject("c", append(a, b...))
	},
	"`touch MNT/e`, `: > MNT/e`": func(m *mount, _ *faultproxy.Proxy) {
		m.sh(`touch $MNT/e; : > $MNT/f`)
		m.wantObject("e", nil)
		m.wantObject("f", nil)
	},
	"`ffmpeg ... MNT/out.mp4`, `.mkv`, `.avi`, `.wav`, `.ts`": func(m *mount, _ *faultproxy.Proxy) {
		m.sh(movie)
		for _, c := range containers {
			m.remux(c.flags, filepath.Join(m.work, c.file))
			m.remux(c.flags, m.path(c.file))
			m.wantObject(c.file, m.localFile(c.file))
		}
	},
	"`dd if=a of=MNT/b conv=notrunc seek=1000`": func(m *mount, p *faultproxy.Proxy) {
		content := random(1, 60*mib)
		m.put("b", content)
		m.local("a", random(2, 512))
		p.ResetCounts()
		m.sh(`dd if=a of=$MNT/b conv=notrunc seek=60000 status=none`)
		copy(content[60000*512:], random(2, 512))
		m.wantObject("b", content)
		if sent := sentBytes(p); sent > 11*mib {
			m.t.Errorf("%d bytes were sent", sent)
		}
	},
	"`echo line >> MNT/log`": func(m *mount, p *faultproxy.Proxy) {
		long, short := random(1, 20*mib), random(2, 1000)
		m.put("long", long)
		m.put("short", short)
		p.ResetCounts()
		m.sh(`echo line >> $MNT/long; echo line >> $MNT/short`)
		m.wantObject("long", append(long, "line\n"...))
		m.wantObject("short", append(short, "line\n"...))
		if sent := sentBytes(p); sent > 2*mib {
			m.t.Errorf("%d bytes were sent", sent)
		}
	},
	"`truncate -s 1M MNT/a`": func(m *mount, _ *faultproxy.Proxy) {
		content := random(1, 12*mib)
		m.put("a", content)
		m.put("b", content[:1000])
		m.sh(`truncate -s 1M $MNT/a; truncate -s 1M $MNT/b`)
		m.wantObject("a", content[:mib])
		m.wantObject("b", append(content[:1000:1000], make([]byte, mib-1000)...))
	},
	"`cat MNT/a` while it is written": func(m *mount, _ *faultproxy.Proxy) {
		content := random(1, 25*mib)
		f := m.create("a")
		for off := 0; off < len(content); off += 5 * mib {
			if _, err := f.Write(content[off : off+5*mib]); err != nil {
				m.t.Fatal(err)
			}
			if got, err := os.ReadFile(m.path("a")); err != nil || !bytes.Equal(got, content[:off+5*mib]) {
				m.t.Errorf("after %d bytes: read %d bytes, %v", off+5*mib, len(got), err)
			}
		}
		if err := f.Close(); err != nil {
			m.t.Error(err)
		}
		m.wantObject("a", content)
	},
	"`set -o noclobber; > MNT/lock` on two machines": func(m *mount, _ *faultproxy.Proxy) {
		other := m.bucket.mount("--metadata-ttl", "0s")
		take := func(m *mount) error {
			f, err := os.OpenFile(m.path("lock"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
			if err != nil {
				return err
			}
			if _, err := f.WriteString("mine"); err != nil {
				return err
			}
			return f.Close()
		}
		results := make(chan error, 2)
		for _, m := range []*mount{m, other} {
			go func() { results <- take(m) }()
		}
		if a, b := <-results, <-results; (a == nil) == (b == nil) {
			m.t.Errorf("the two got %v and %v", a, b)
		}
	},
	"two machines append to or edit `MNT/a`": func(m *mount, p *faultproxy.Proxy) {
		m.put("a", random(1, 12*mib))
		f, err := os.OpenFile(m.path("a"), os.O_WRONLY, 0)
		if err != nil {
			m.t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte("ours"), 6*mib); err != nil {
			m.t.Fatal(err)
		}
		theirs := random(2, 2000)
		m.put("a", theirs) // the other machine
		if err := f.Close(); err == nil {
			m.t.Error("close reports success")
		}
		m.wantObject("a", theirs)
		// Of an edit nothing can be parked when what it belongs to is gone; of
		// something appended, the whole.
		m.put("log", random(3, 6*mib))
		p.ResetCounts()
		log, err := os.OpenFile(m.path("log"), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			m.t.Fatal(err)
		}
		if _, err := log.WriteString("ours"); err != nil {
			m.t.Fatal(err)
		}
		m.eventually("the old bytes are copied", func() bool { return p.Counts()[s3op.UploadPartCopy].Out > 0 })
		m.put("log", theirs)
		if err := log.Close(); err == nil {
			m.t.Error("close reports success")
		}
		m.wantObject("log", theirs)
		m.wantUploads = 1 // parked
	},
	"a bit flips on the way": func(m *mount, p *faultproxy.Proxy) {
		content := random(1, 15*mib)
		p.Set(faultproxy.Rule{Operation: s3op.UploadPart, Nth: 1, Action: faultproxy.Corrupt, Bytes: 5000})
		if err := m.writeFile("a", content); err != nil {
			m.t.Error(err)
		}
		m.wantObject("a", content)
		if n := p.Counts()[s3op.UploadPart].Requests; n != 3 {
			m.t.Errorf("%d requests for two parts", n)
		}
	},
	"S3 fails for a minute": func(m *mount, p *faultproxy.Proxy) {
		content := random(1, 15*mib)
		p.Set(faultproxy.Rule{Times: 5, Action: faultproxy.Answer, Status: 500, Code: "InternalError"},
			faultproxy.Rule{Operation: s3op.UploadPart, Times: 3, Action: faultproxy.Answer, Status: 503, Code: "SlowDown"})
		if err := m.writeFile("a", content); err != nil {
			m.t.Error(err)
		}
		m.wantObject("a", content)
	},
	"S3 fails for good": func(m *mount, p *faultproxy.Proxy) {
		p.Set(answer(s3op.UploadPart, 403, "AccessDenied"))
		if err := m.writeFile("victim", random(1, 15*mib)); err == nil {
			m.t.Error("writing reports success")
		}
		m.wantNoObject("victim")
		if err := m.writeFile("other", []byte("other")); err != nil {
			m.t.Error(err)
		}
		m.wantObject("other", []byte("other"))
		m.eventually("the upload is aborted", func() bool { return len(m.b.Uploads(m.t)) == 0 })
	},
	"`kill -TERM` the mount, `umount MNT`, `s3mpfs umount MNT`": func(m *mount, _ *faultproxy.Proxy) {
		content := random(1, 13*mib)
		for i, end := range []func(*mount){
			func(m *mount) { m.signal(syscall.SIGTERM) },
			func(m *mount) { m.sh(`umount $MNT`) },
			func(m *mount) { m.umount() },
		} {
			name := string(rune('a' + i))
			m := m.bucket.mount()
			f := m.create(name)
			if _, err := f.Write(content); err != nil {
				m.t.Fatal(err)
			}
			if i == 1 { // which refuses a mount that is in use
				f.Close()
			}
			end(m)
			m.wait()
			f.Close()
			m.wantObject(name, content)
			if code := m.cmd.ProcessState.ExitCode(); code != 0 {
				m.t.Errorf("%s: exit code %d", name, code)
			}
		}
	},
	"1,000 files open at once": func(m *mount, _ *faultproxy.Proxy) {
		small := m.bucket.mount("--memory", "64MiB")
		var files []*os.File
		for i := range 1000 {
			f := small.create(name(i))
			defer f.Close()
			files = append(files, f)
		}
		content := random(1, 100_000)
		for range 2 {
			for _, f := range files {
				if _, err := f.Write(content); err != nil {
					m.t.Fatal(err)
				}
			}
		}
		for _, f := range files {
			if err := f.Close(); err != nil {
				m.t.Error(err)
			}
		}
		for i := 0; i < 1000; i += 99 {
			m.wantObject(name(i), append(content[:len(content):len(content)], content...))
		}
	},
	"`--write-behind`, then `cp -r DIR MNT/`": func(m *mount, p *faultproxy.Proxy) {
		behind := m.bucket.mount("--write-behind", "--retry-timeout", "1s")
		m.sh(`mkdir DIR; for i in $(seq 30); do seq $i > DIR/$i; done`)
		p.Set(faultproxy.Rule{Operation: s3op.PutObject, Key: "/7", Times: faultproxy.Always, Action: faultproxy.Answer, Status: 403, Code: "AccessDenied"})
		behind.sh(`cp -r DIR $MNT/; sync $MNT/DIR/9`)
		m.wantObject("DIR/9", m.localFile("DIR/9"))
		behind.eventually("the failure is in the log", func() bool { return strings.Contains(behind.log(), "DIR/7") })
		if _, err := os.ReadFile(behind.path("DIR/7")); err == nil {
			m.t.Error("the next open of the failed name succeeds")
		}
		if code, _ := behind.umount(); code != exitNotDurable {
			m.t.Errorf("umount: exit code %d", code)
		}
		m.wantObject("DIR/30", m.localFile("DIR/30"))
	},
}

// sentBytes is how many bytes of content went to the server.
func sentBytes(p *faultproxy.Proxy) int64 {
	counts := p.Counts()
	return counts[s3op.PutObject].In + counts[s3op.UploadPart].In
}

func name(i int) string {
	return "file" + string(rune('a'+i/100)) + string(rune('a'+i/10%10)) + string(rune('a'+i%10))
}

// TestReadme runs what README promises, row by row, and knows of no other.
func TestReadme(t *testing.T) {
	rows := readmeRows(t)
	if want := slices.Sorted(maps.Keys(promises)); !slices.Equal(slices.Sorted(slices.Values(rows)), want) {
		t.Errorf("README has the rows\n%s\nand there are tests for\n%s", strings.Join(rows, "\n"), strings.Join(want, "\n"))
	}
	for _, row := range rows {
		promise := promises[row]
		if promise == nil {
			continue
		}
		t.Run(row, func(t *testing.T) {
			t.Parallel()
			b := newBucket(t, all.versitygw(t))
			proxy := b.behindProxy()
			start := time.Now()
			promise(b.mount("--retry-timeout", "30s"), proxy)
			t.Log(time.Since(start).Round(time.Millisecond))
		})
	}
}

// readmeRows are the first cells of the table under the heading of what a user
// can rely on.
func readmeRows(t *testing.T) (rows []string) {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "## What you can rely on\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for line := range strings.Lines(section) {
		line = strings.ReplaceAll(line, `\|`, "\x00")
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 2 || strings.HasPrefix(cells[0], "---") || strings.TrimSpace(cells[0]) == "you do" {
			continue
		}
		rows = append(rows, strings.ReplaceAll(strings.TrimSpace(cells[0]), "\x00", "|"))
	}
	return rows
}
