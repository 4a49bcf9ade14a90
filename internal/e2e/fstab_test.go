package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// helped mounts b by a command that returns when the mount is there, gives its
// mount point, and unmounts it at the end.
func (b *bucket) helped(command func(dir string) *exec.Cmd) (dir string) {
	b.t.Helper()
	dir = b.t.TempDir()
	mountPoints.Store(dir, true)
	if code, output := b.runCommand(command(dir)); code != 0 {
		b.t.Fatalf("exit code %d: %s", code, output)
	}
	b.t.Cleanup(func() {
		if code, output := b.s3mpfs("umount", dir); code != 0 {
			b.t.Errorf("umount: exit code %d: %s", code, output)
		}
	})
	return dir
}

// options are such as /etc/fstab has, with what the mount needs here.
func (b *bucket) options(more string) string {
	return "_netdev,nofail,x-systemd.automount,endpoint_url=" + b.endpoint + "," + more
}

// wantWritable writes and reads a file.
func (b *bucket) wantWritable(dir string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("content"), 0o644); err != nil {
		b.t.Error(err)
	}
	b.wantObject("f", []byte("content"))
}

// TestMountHelper calls the program by the names that mount(8) calls.
func TestMountHelper(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"mount.s3mpfs", "mount.fuse.s3mpfs"} {
		t.Run(name, func(t *testing.T) {
			b := newBucket(t, all.versitygw(t))
			link := filepath.Join(t.TempDir(), name)
			if err := os.Symlink(binary, link); err != nil {
				t.Fatal(err)
			}
			dir := b.helped(func(dir string) *exec.Cmd {
				cmd := b.command(b.target(), dir, "-n", "-o", "rw,"+b.options("dir_mode=0710"))
				cmd.Path, cmd.Args[0] = link, link
				return cmd
			})
			b.wantWritable(dir)
			if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o710 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
		})
	}
}

// umount8 is the program by a name that umount(8) calls.
func (m *mount) umount8(args ...string) *exec.Cmd {
	m.t.Helper()
	link := filepath.Join(m.t.TempDir(), "umount.fuse.s3mpfs")
	if err := os.Symlink(binary, link); err != nil {
		m.t.Fatal(err)
	}
	cmd := m.command(append([]string{m.dir, "-t", "fuse.s3mpfs"}, args...)...)
	cmd.Path, cmd.Args[0] = link, link
	return cmd
}

// TestUmountHelper: umount(8) waits until every file is in S3, tells what is not,
// and leaves a mount alone that somebody uses.
func TestUmountHelper(t *testing.T) {
	t.Parallel()
	m, proxy, let := holding(t)
	m.sh(`for i in 1 2 3; do echo $i > $MNT/$i; done`)
	if err := proxy.AwaitStruck(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	used := m.open("1", os.O_RDONLY)
	if code, output := m.runCommand(m.umount8()); code != exitMountpoint || !strings.Contains(output, "busy") || !mounted(m.dir) {
		t.Errorf("of a mount in use: exit code %d: %s", code, output)
	}
	m.close(used)
	umount := start(t, m.umount8())
	m.eventually("nothing is mounted", func() bool { return !mounted(m.dir) })
	umount.waits(t)
	let()
	if err := <-umount.ended; err != nil {
		t.Error(err)
	}
	for _, name := range []string{"1", "2", "3"} {
		m.wantObject(name, []byte(name+"\n"))
	}
}

// TestUmountHelperTells of a file that cannot be completed.
func TestUmountHelperTells(t *testing.T) {
	t.Parallel()
	m, proxy := counted(t, "--write-behind")
	proxy.Set(denied(s3op.PutObject))
	m.sh(`echo x > $MNT/victim`)
	if code, output := m.runCommand(m.umount8()); code != exitNotDurable || !strings.Contains(output, "/victim") {
		t.Errorf("exit code %d: %s", code, output)
	}
}

// TestUmountHelperInHaste does not wait.
func TestUmountHelperInHaste(t *testing.T) {
	t.Parallel()
	m, _, _ := holding(t)
	m.sh(`echo x > $MNT/f`)
	if code, output := m.runCommand(m.umount8("-l")); code != 0 || mounted(m.dir) || m.exists("f") {
		t.Errorf("exit code %d: %s", code, output)
	}
}

// TestMountForm is how mount.fuse3 calls the program.
func TestMountForm(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	b.put("f", []byte("x"))
	dir := b.helped(func(dir string) *exec.Cmd { return b.command(b.target(), dir, "-o", b.options("ro")) })
	if err := os.WriteFile(filepath.Join(dir, "f"), nil, 0o644); err == nil {
		t.Error("written to, although it is mounted ro")
	}
}

// TestMount8 uses mount(8) itself, which calls mount.fuse3, which calls the
// program. It is named by its path, because mount(8) lets nobody choose a PATH.
func TestMount8(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // only root may mount what is not in /etc/fstab
	}
	b := newBucket(t, all.versitygw(t))
	dir := b.helped(func(dir string) *exec.Cmd {
		cmd := b.command()
		cmd.Path = "/bin/mount"
		cmd.Args = []string{"mount", "-t", "fuse", "-o", b.options("noexec,part_size=5MiB"), binary + "#" + b.target(), dir}
		return cmd
	})
	b.wantWritable(dir)
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil || st.Flags&unix.ST_NOEXEC == 0 || st.Flags&unix.ST_NOSUID == 0 {
		t.Errorf("flags %#x, %v: want noexec and nosuid", st.Flags, err)
	}
}

// TestServiceManager: systemd hears when the mount is there and when it ends.
func TestServiceManager(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	path := filepath.Join(b.work, "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	told := make(chan string, 10)
	go func() {
		p := make([]byte, 1000)
		for n, err := l.Read(p); err == nil; n, err = l.Read(p) {
			told <- string(p[:n])
		}
		close(told)
	}()
	dir := t.TempDir()
	mountPoints.Store(dir, true)
	service := b.command("mount", "-f", "--endpoint-url", b.endpoint, b.target(), dir)
	service.Env = append(service.Env, "NOTIFY_SOCKET="+path)
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	if news := <-told; !strings.HasPrefix(news, "READY=1\n") {
		t.Errorf("told %q", news)
	}
	b.wantWritable(dir)
	if err := service.Process.Signal(unix.SIGTERM); err != nil {
		t.Error(err)
	}
	if news := <-told; !strings.HasPrefix(news, "STOPPING=1\n") {
		t.Errorf("told %q", news)
	}
	if err := service.Wait(); err != nil {
		t.Error(err)
	}
}
