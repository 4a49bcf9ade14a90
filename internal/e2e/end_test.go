package e2e

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/faultproxy"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// TestEndWithOpenFiles ends the mount, in every way there is, with a file of
// 100 MB half written and a small one: what was written is in the bucket.
func TestEndWithOpenFiles(t *testing.T) {
	for name, end := range map[string]func(m *mount){
		"SIGTERM": func(m *mount) { m.signal(syscall.SIGTERM) },
		"SIGINT":  func(m *mount) { m.signal(os.Interrupt) },
		"s3mpfs umount": func(m *mount) {
			if code, output := m.umount(); code != 0 || !strings.Contains(output, "durable") {
				m.t.Errorf("exit code %d: %s", code, output)
			}
		},
		"umount -l": func(m *mount) { m.sh(`umount -l $MNT`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := mountBucket(t, all.versitygw(t))
			content := random(1, 50*mib+12345)
			big, small := m.create("big"), m.create("small")
			m.write(big, content)
			m.write(small, content[:100])
			end(m)
			if name == "umount -l" {
				// It only hides the mount, which lives while a file is open.
				m.close(big)
				m.close(small)
			}
			m.wait()
			m.wantObject("big", content)
			m.wantObject("small", content[:100])
			if code := m.cmd.ProcessState.ExitCode(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			big.Close()
			small.Close()
		})
	}
}

// TestPlainUmount: umount(8) and fusermount3 end the process too.
func TestPlainUmount(t *testing.T) {
	for _, command := range []string{"umount $MNT", "fusermount3 -u $MNT"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			m := mountBucket(t, all.versitygw(t))
			content := random(2, 12*mib)
			m.local("f", content)
			m.sh(`cp f $MNT/f; ` + command)
			m.wait()
			if code := m.cmd.ProcessState.ExitCode(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			m.wantObject("f", content)
		})
	}
}

// TestAKilledWriterPublishes what it wrote, as on every file system.
func TestAKilledWriterPublishes(t *testing.T) {
	for _, signal := range []string{"KILL", "TERM", "HUP"} {
		t.Run(signal, func(t *testing.T) {
			t.Parallel()
			m := mountBucket(t, all.versitygw(t))
			m.local("part", random(3, 23*mib))
			m.sh(`
				mkfifo pipe
				cat pipe > $MNT/f &
				writer=$!
				exec 3> pipe
				cat part >&3
				while [ $(stat -c %s $MNT/f) -lt $((23 << 20)) ]; do sleep 0.02; done
				kill -$SIGNAL $writer
				wait $writer || true
			`, "SIGNAL="+signal)
			m.eventually("the object is there", func() bool { return m.exists("f") })
			m.wantObject("f", random(3, 23*mib))
		})
	}
}

// TestWritersThatSignalThemselves, as Go programs do all the time, lose nothing.
func TestWritersThatSignalThemselves(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t))
	m.local("src", random(4, 60*mib))
	m.sh(`python3 -c '
import os, signal
signal.signal(signal.SIGALRM, lambda *a: None)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
src = open("src", "rb").read()
fd = os.open(os.environ["MNT"] + "/f", os.O_WRONLY | os.O_CREAT)
done = 0
while done < len(src):
	done += os.write(fd, src[done:done + (1 << 20)])
os.close(fd)
signal.setitimer(signal.ITIMER_REAL, 0)'`)
	m.wantObject("f", random(4, 60*mib))
}

// TestUnlinkWhileWriting leaves neither object nor upload.
func TestUnlinkWhileWriting(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t))
	f := m.create("f")
	m.write(f, random(5, 25*mib))
	if err := os.Remove(m.path("f")); err != nil {
		t.Fatal(err)
	}
	m.write(f, random(6, mib))
	m.close(f)
	m.wantNoObject("f")
}

// TestAfterTheEnd: a descriptor that outlives the mount gets errors, not silence.
func TestAfterTheEnd(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t))
	f := m.create("f")
	m.write(f, []byte("before"))
	m.signal(syscall.SIGTERM)
	m.eventually("writes fail", func() bool {
		_, err := f.Write([]byte("x"))
		return err != nil
	})
	f.Close()
	m.wait()
	if got := m.object("f"); !bytes.HasPrefix(got, []byte("before")) {
		t.Errorf("object %q", got)
	}
}

// TestStaleMount: the process died; umount clears what it left, and so does the
// next mount.
func TestStaleMount(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	dead := b.mount()
	dead.signal(syscall.SIGKILL)
	dead.wait()
	next := dead.again()
	next.wantLog("was stale and is cleared")
	if err := next.writeFile("f", []byte("x")); err != nil {
		t.Error(err)
	}
	next.signal(syscall.SIGKILL)
	next.wait()
	if code, output := dead.umount(); code != exitNotDurable || !strings.Contains(output, "cleared") {
		t.Errorf("exit code %d: %s", code, output)
	}
	if mounted(dead.dir) {
		t.Error("still mounted")
	}
}

// TestAbandonedUmount: while `s3mpfs umount` completes the files, the process gets
// signals. The first says the same again; the second gives up, and nobody is told
// that all is durable.
func TestAbandonedUmount(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	proxy := b.behindProxy()
	m := b.mount()
	f := m.create("f")
	m.write(f, []byte("lost"))
	proxy.Set(faultproxy.Rule{Operation: s3op.PutObject, Times: faultproxy.Always, Action: faultproxy.Hold})
	x := onTerminal(t, m.command("umount", m.dir), 24, 80)
	x.await("1 file to complete")
	m.signal(syscall.SIGTERM)
	m.eventually("the first signal is heard", func() bool { return m.logged("a second signal abandons them") })
	m.signal(syscall.SIGTERM)
	if code := x.end(); code != exitNotDurable || !strings.Contains(x.text(), "before it could say that everything is durable") {
		t.Errorf("umount: exit code %d: %q", code, x.text())
	}
	m.wait()
	if code := m.cmd.ProcessState.ExitCode(); code != exitNotDurable {
		t.Errorf("the mount's exit code is %d", code)
	}
	m.wantLog("abandoned", "path=/f")
	if m.logged("did not end well") {
		t.Error("it was waited for what nobody answers")
	}
	f.Close()
}
