package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// binary is the program under test.
var binary string

// runtimeDir is XDG_RUNTIME_DIR of all mounts. A socket's path is short, so
// it cannot be in a test's own folder.
var runtimeDir string

func TestMain(m *testing.M) {
	if signal.Ignored(unix.SIGHUP) { // by nohup(1): then programs would ignore it, too
		signal.Notify(make(chan os.Signal, 1), unix.SIGHUP)
	}
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	dir, err := os.MkdirTemp("", "s3mpfs-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	all.dir = dir
	runtimeDir = filepath.Join(dir, "run")
	if err := os.Mkdir(runtimeDir, 0o700); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if binary, err = build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	all.stop()
	if left := leftBehind(); len(left) > 0 {
		fmt.Fprintf(os.Stderr, "left behind:\n%s\n", strings.Join(left, "\n"))
		code = 1
	}
	return code
}

func build(dir string) (string, error) {
	out := filepath.Join(dir, "s3mpfs")
	args := []string{"build", "-o", out}
	if os.Getenv("S3MPFS_E2E_RACE") != "" {
		args = append(args, "-race")
	}
	args = append(args, "github.com/s3mpfs/s3mpfs/cmd/s3mpfs")
	if output, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build s3mpfs: %w\n%s", err, output)
	}
	return out, nil
}

// mountPoints are all that tests have mounted on.
var mountPoints sync.Map

// leftBehind lists what still is there of the tests: processes that run the
// binary, control sockets, and mounts.
func leftBehind() (left []string) {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if exe, _ := os.Readlink(link); exe == binary {
			cmdline, _ := os.ReadFile(filepath.Join(filepath.Dir(link), "cmdline"))
			left = append(left, "process "+link+": "+string(bytes.ReplaceAll(cmdline, []byte{0}, []byte{' '})))
		}
	}
	sockets, _ := filepath.Glob(filepath.Join(runtimeDir, "s3mpfs", "*.sock"))
	left = append(left, sockets...)
	for _, point := range ourMounts() {
		if _, ours := mountPoints.Load(point); ours {
			left = append(left, "mount "+point)
		}
	}
	return left
}
