package fs_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/s3mpfs/s3mpfs/fs"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

func TestShellHabits(t *testing.T) {
	m := mount(t, settings{})
	for _, habit := range []struct {
		script  string
		key     string
		content string
	}{
		{`echo hello > a`, "a", "hello\n"},
		{`touch b`, "b", ""},
		{`: > c`, "c", ""},
		{`(echo 1; echo 2) > d`, "d", "1\n2\n"},
		{`(true; echo 2) > e`, "e", "2\n"},
		{`(true) > f`, "f", ""},
		{`echo x | tee g`, "g", "x\n"},
		{`dd if=/dev/zero of=h bs=7 count=3 status=none`, "h", strings.Repeat("\x00", 21)},
		{`echo 1 > i; echo 2 >> i; echo 3 >> i`, "i", "1\n2\n3\n"},
		{`exec 3> j; echo 1 >&3; (echo 2 >&3); echo 3 >&3; exec 3>&-`, "j", "1\n2\n3\n"},
		{`echo abcdef > k; printf X | dd of=k bs=1 seek=2 conv=notrunc status=none`, "k", "abXdef\n"},
		{`echo abcdef > l; truncate -s 3 l`, "l", "abc"},
		{`echo abc > m; truncate -s 6 m`, "m", "abc\n\x00\x00"},
		{`echo abc > n; : > n`, "n", ""},
		{`mkdir o; echo deep > o/p`, "o/p", "deep\n"},
		{`echo one > q; cp q r`, "r", "one\n"},
		{`echo one > s; mv s t`, "t", "one\n"},
		{`seq 3 | sort -r -o u; sed -i s/2/two/ u`, "u", "3\ntwo\n1\n"},
		{`python3 -c 'import subprocess; f = open("v", "w"); p = subprocess.Popen(["sh", "-c", "sleep 0.1; echo child"], stdout=f); f.close(); p.wait()'`, "v", "child\n"},
		{`fallocate -l 5 w; printf ab | dd of=w conv=notrunc status=none`, "w", "ab\x00\x00\x00"},
	} {
		if out, err := m.try(habit.script); err != nil {
			t.Errorf("%s: %v: %s", habit.script, err, out)
			continue
		}
		// The object is there when the program is done.
		if !slices.Contains(m.keys(), habit.key) {
			t.Errorf("%s: there is no object", habit.script)
			continue
		}
		m.expect(habit.key, habit.content)
	}
}

func TestOneObjectForEachClose(t *testing.T) {
	m := mount(t, settings{})
	for _, script := range []string{
		`echo x > a`, `touch b`, `dd if=/dev/zero of=c count=1 status=none`, `true > d`,
		`cat /etc/passwd > e`, `python3 -c 'import subprocess; f = open("f", "w"); p = subprocess.Popen(["echo", "x"], stdout=f); f.close(); p.wait()'`,
	} {
		if n := m.requests(func() { m.sh(script) }); n[s3op.PutObject] != 1 {
			t.Errorf("%s: %v", script, n)
		}
	}
}

func TestTheDaemonWhoseOpenerExits(t *testing.T) {
	m := mount(t, settings{})
	fifo := filepath.Join(t.TempDir(), "fifo")
	m.sh(`mkfifo ` + fifo + `; sh -c '(read x; echo $x) < ` + fifo + ` & exit 0' > f 2> /dev/null`)
	if keys := m.keys(); len(keys) != 0 {
		t.Errorf("the opener has exited and left %v", keys)
	}
	m.sh(`echo late > ` + fifo)
	m.eventually("the child's close", func() bool { return slices.Contains(m.keys(), "f") })
	m.expect("f", "late\n")
}

func TestWhatIsWrittenIsSeen(t *testing.T) {
	m := mount(t, settings{})
	f, err := os.Create(m.path("f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("some bytes"); err != nil {
		t.Fatal(err)
	}
	if got := m.sh(`cat f; stat -c %s f; ls`); got != "some bytes10\nf\n" {
		t.Errorf("another process sees %q", got)
	}
	if len(m.keys()) != 0 {
		t.Error("an object before close")
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	m.expect("f", "some bytes")
	if _, err := f.WriteString(" and more"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	m.expect("f", "some bytes and more")
}

func TestAFailureIsToldAndLatched(t *testing.T) {
	m := mount(t, settings{})
	m.set("f", "old")
	m.call("Fail", s3op.PutObject, &None{})
	f, err := os.OpenFile(m.path("f"), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("new"); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); !os.IsPermission(err) {
		t.Errorf("fsync: %v", err)
	}
	m.call("Fail", "", &None{})
	if _, err := f.WriteString("more"); !os.IsPermission(err) {
		t.Errorf("write after a failure: %v", err)
	}
	// Another open of the name begins anew, whatever the first still holds.
	m.sh(`echo fresh > f`)
	m.expect("f", "fresh\n")
	if err := f.Close(); !os.IsPermission(err) {
		t.Errorf("close after a failure: %v", err)
	}
	m.expect("f", "fresh\n")
	if n := strings.Count(m.log(), "failed"); n != 1 {
		t.Errorf("%d lines about one failure:\n%s", n, m.log())
	}
	if !strings.Contains(m.log(), "path=/f") || !strings.Contains(m.log(), "code=AccessDenied") {
		t.Errorf("the log does not name the file and the code: %s", m.log())
	}
}

func TestTheOldObjectSurvivesAFailure(t *testing.T) {
	m := mount(t, settings{})
	m.set("f", "old")
	m.call("Fail", s3op.PutObject, &None{})
	if out, err := m.try(`/bin/echo new > f`); err == nil {
		t.Errorf("close succeeded: %s", out)
	}
	m.expect("f", "old")
	m.call("Fail", "", &None{})
	m.eventually("RELEASE", func() bool { return m.sh(`cat f`) == "old" })
}

func TestAnUnlinkedFileIsNeverPublished(t *testing.T) {
	m := mount(t, settings{})
	m.set("g", "old")
	m.sh(`exec 3> f; echo x >&3; rm f; exec 3>&-; exec 4>> g; echo y >&4; rm g; exec 4>&-; ls`)
	if keys := m.keys(); len(keys) != 0 {
		t.Errorf("objects: %v", keys)
	}
}

func TestKilledWriters(t *testing.T) {
	for _, c := range []struct {
		onKill fs.OnKill
		want   []string
	}{{fs.KillPublish, []string{"f"}}, {fs.KillAbort, nil}} {
		t.Run(c.onKill.String(), func(t *testing.T) {
			m := mount(t, settings{Options: fs.Options{OnKill: c.onKill}})
			_, _ = m.try(`sh -c 'exec > f; echo x; kill -9 $$'`)
			if keys := m.keys(); !slices.Equal(keys, c.want) {
				t.Errorf("objects: %v", keys)
			}
		})
	}
}

func TestFinaliseCompletesWhatIsOpen(t *testing.T) {
	m := mount(t, settings{})
	f, err := os.Create(m.path("f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("half"); err != nil {
		t.Fatal(err)
	}
	m.call("Fail", s3op.PutObject, &None{})
	var failed []string
	m.call("Finalise", None{}, &failed)
	if !slices.Equal(failed, []string{"/f"}) {
		t.Errorf("failures: %v", failed)
	}
}

func TestNoAttributeIsAskedForPerWrite(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{Debug: true}})
	m.sh(`dd if=/dev/zero of=f bs=4k count=100 status=none`)
	log := m.log()
	if n := strings.Count(log, ": WRITE "); n != 100 {
		t.Errorf("%d WRITE requests", n)
	}
	if n := strings.Count(log, ": GETXATTR "); n > 1 {
		t.Errorf("%d GETXATTR requests", n)
	}
	if n := strings.Count(log, ": GETATTR "); n > 3 {
		t.Errorf("%d GETATTR requests", n)
	}
}

// TestAMebibyteIsOneRequest as direct I/O sends it, and so it is read.
func TestAMebibyteIsOneRequest(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{Debug: true}})
	m.sh(`dd if=/dev/zero of=f bs=1M count=3 status=none; dd if=f of=/dev/null bs=1M iflag=direct status=none`)
	for _, op := range []string{": WRITE ", ": READ "} {
		if n := strings.Count(m.log(), op); n < 3 || n > 4 { // the last READ may find the end
			t.Errorf("%d requests of%s", n, op)
		}
	}
}

func TestReadOnly(t *testing.T) {
	m := mount(t, settings{Options: fs.Options{ReadOnly: true}})
	m.set("f", "x")
	m.set("e/", "")
	n := m.requests(func() {
		for _, script := range []string{`echo y > f`, `echo y > g`, `rm f`, `mkdir d`, `mv f g`, `truncate -s 0 f`,
			`chmod 600 f`, `chown 1 f`, `touch -d @1 f`, `ln -s f l`, `chmod 700 .`, `touch .`, `rmdir e`, `python3 -c 'import os; os.setxattr("f", "user.x", b"y")'`} {
			if out, err := m.try(script); err == nil || !strings.Contains(out, "Read-only file system") {
				t.Errorf("%s: %v: %s", script, err, out)
			}
		}
	})
	for op := range n {
		if op != s3op.HeadObject && op != s3op.ListObjectsV2 {
			t.Errorf("requests: %v", n)
		}
	}
	m.expect("f", "x")
}

func TestContentTypes(t *testing.T) {
	m := mount(t, settings{})
	m.sh(`echo x > a.mp4; echo x > b.JSON; echo x > c; touch -d @1700000000.5 d.txt`)
	for key, want := range map[string]string{
		"a.mp4": "video/mp4", "b.JSON": "application/json", "c": "application/octet-stream", "d.txt": "text/plain",
	} {
		if got := m.head(key).Attributes.ContentType; got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
	if got := m.head("d.txt").Attributes.Metadata["mtime"]; got != "1700000000.500000000" {
		t.Errorf("mtime %q", got)
	}
}
