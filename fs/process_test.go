package fs

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const proc = procfs("/proc")

func TestThreadsBelongToTheirGroup(t *testing.T) {
	if !leads(uint32(os.Getpid())) || proc.group(uint32(os.Getpid())) != os.Getpid() {
		t.Error("the first thread does not lead its group")
	}
	done := make(chan uint32)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		done <- uint32(unix.Gettid())
		<-done
	}()
	thread := <-done
	if thread != uint32(os.Getpid()) && leads(thread) {
		t.Error("another thread leads the group")
	}
	if got := proc.group(thread); got != os.Getpid() {
		t.Errorf("the group of a thread is %d, want %d", got, os.Getpid())
	}
	close(done)
	if got := proc.group(0); got != 0 {
		t.Errorf("the group of an unseen thread is %d", got)
	}
	if got := proc.group(1 << 30); got != 0 {
		t.Errorf("the group of no thread is %d", got)
	}
}

// An ordinary file stands for one of the mount: what counts is its inode number.
func TestDescriptorsOfDescendantsAreSeen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	parent, in, out := start(t, `(exec 5<"$0"; echo open; read x <&3; exec 5<&-; echo closed; read x <&3) & wait`, path)
	expect := func(word string, held bool) {
		t.Helper()
		if line, err := out.ReadString('\n'); err != nil || line != word+"\n" {
			t.Fatal(line, err)
		}
		if proc.hasDescriptor(parent, st.Ino) {
			t.Error("the parent has no descriptor")
		}
		if got := proc.holds(parent, st.Ino); got != held {
			t.Errorf("%s: held is %v", word, got)
		}
	}
	expect("open", true)
	if _, err := io.WriteString(in, "\n"); err != nil {
		t.Fatal(err)
	}
	expect("closed", false)
}

// start runs a shell whose descriptor 3 is the pipe in.
func start(t *testing.T, script string, args ...string) (pid int, in io.Writer, out *bufio.Reader) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", append([]string{"-c", script}, args...)...)
	cmd.ExtraFiles = []*os.File{r}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	t.Cleanup(func() {
		_ = w.Close()
		_ = cmd.Wait() // however it ended
	})
	return cmd.Process.Pid, w, bufio.NewReader(stdout)
}

func TestDeathBySignalIsTold(t *testing.T) {
	for script, want := range map[string]bool{
		`kill -9 $$`: true, `kill -15 $$`: true, `exit 0`: false, `exit 9`: false,
	} {
		pid, _, _ := start(t, script)
		// Dead, but not yet collected: its state can still be read.
		if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
			t.Fatal(err)
		}
		if got := proc.killed(uint32(pid)); got != want {
			t.Errorf("%s: killed is %v", script, got)
		}
	}
	if proc.killed(uint32(syscall.Getpid())) {
		t.Error("this process is alive")
	}
}
