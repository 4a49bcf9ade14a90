package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// target is something that is measured: a mount, or where command is nil, a
// program without one.
type target struct {
	name        string
	floor       bool
	other       bool // somebody else's, which may fail
	concurrency int  // of a floor
	command     func(o options, e *endpoint, folder string) *exec.Cmd
	alone       func(s scenario, r *run) *exec.Cmd
}

const oursName = "s3mpfs"

func ours(more ...string) target {
	return target{name: strings.Join(append([]string{oursName}, more...), " "), command: func(o options, e *endpoint, folder string) *exec.Cmd {
		args := slices.Concat([]string{"mount", "-f", bucket, folder, "--endpoint-url", e.url, "--log-level", "error"}, more, o.mountFlags)
		c := exec.Command(filepath.Join(o.programs, "s3mpfs"), args...)
		c.Env = e.trustingEnv()
		return c
	}}
}

func floor(concurrency int) target {
	return target{
		name: fmt.Sprintf("floor, %d in flight", concurrency), floor: true, concurrency: concurrency,
		command: func(o options, e *endpoint, folder string) *exec.Cmd {
			return floorCommand(o, e, concurrency, "mount", folder)
		},
	}
}

func floorCommand(o options, e *endpoint, concurrency int, args ...string) *exec.Cmd {
	flags := []string{"-endpoint-url", e.url, "-bucket", bucket, "-concurrency", strconv.Itoa(concurrency)}
	c := exec.Command(filepath.Join(o.programs, "floor"), append(flags, args...)...)
	c.Env = e.trustingEnv()
	return c
}

// plain is the floor's requests without a mount.
func plain(concurrency int) target {
	return target{
		name: fmt.Sprintf("no mount, %d in flight", concurrency), floor: true, concurrency: concurrency,
		alone: func(s scenario, r *run) *exec.Cmd { return s.plain(r) },
	}
}

// s5cmdWorkers is how many requests s5cmd has in flight unless it is told
// otherwise.
const s5cmdWorkers = 256

// s5cmd is that program, where it is installed.
func s5cmd() (found []target) {
	if _, err := exec.LookPath("s5cmd"); err == nil {
		found = append(found, target{name: "s5cmd", other: true, alone: runS5cmd})
	}
	return found
}

func runS5cmd(s scenario, r *run) *exec.Cmd {
	args := []string{"cat", "s3://" + bucket + "/" + r.name}
	if s.object == 0 {
		args = []string{"cp", r.small + "/", "s3://" + bucket + "/" + r.name + "/"}
	}
	c := exec.Command("s5cmd", append([]string{"--endpoint-url", r.url, "--no-verify-ssl", "--log", "error"}, args...)...)
	c.Env = r.env
	return c
}

// others are the mounts of others that are installed.
func others() (found []target) {
	for _, t := range []target{{name: "s3fs", other: true, command: s3fs}, {name: "rclone", other: true, command: rclone}} {
		if _, err := exec.LookPath(t.name); err == nil {
			found = append(found, t)
		}
	}
	return found
}

func s3fs(_ options, e *endpoint, folder string) *exec.Cmd {
	c := exec.Command("s3fs", bucket, folder, "-f", "-o", "url="+e.url, "-o", "use_path_request_style",
		"-o", "ssl_verify_hostname=0", "-o", "no_check_certificate")
	c.Env = e.env
	return c
}

func rclone(_ options, e *endpoint, folder string) *exec.Cmd {
	c := exec.Command("rclone", "mount", ":s3:"+bucket, folder, "--config", "", "--s3-provider", "Other",
		"--s3-env-auth", "--s3-region", "us-east-1", "--s3-endpoint", e.url, "--no-check-certificate",
		"--dir-cache-time", "10ms") // each run reads a new object
	c.Env = e.env // it fails with AWS_CA_BUNDLE
	return c
}

// mounted is a target that is ready.
type mounted struct {
	target
	folder  string
	process *exec.Cmd // nil without a mount
}

// mountWithin is how long a mount may take to be there.
const mountWithin = 20 * time.Second

// start mounts the target in a new folder.
func (t target) start(o options, e *endpoint) (*mounted, error) {
	m := &mounted{target: t}
	if t.command == nil {
		return m, nil
	}
	m.folder = filepath.Join(o.temp, "mount."+next())
	if err := os.Mkdir(m.folder, 0o755); err != nil {
		return nil, err
	}
	m.process = t.command(o, e, m.folder)
	m.process.Stderr = os.Stderr
	if err := m.process.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(mountWithin); ; time.Sleep(10 * time.Millisecond) {
		var st unix.Statfs_t
		if unix.Statfs(m.folder, &st) == nil && st.Type == unix.FUSE_SUPER_MAGIC {
			return m, nil
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("%s is not mounted within %v", t.name, mountWithin), m.kill())
		}
	}
}

// kill ends a mount that does not answer.
func (m *mounted) kill() error {
	err := m.process.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	_ = m.process.Wait()                        // it was killed
	_ = unix.Unmount(m.folder, unix.MNT_DETACH) // it may not be mounted
	return err
}

// end unmounts and waits until everything is durable.
func (m *mounted) end() error {
	if m.process == nil {
		return nil
	}
	if err := unix.Unmount(m.folder, 0); err != nil {
		if out, err := exec.Command("fusermount3", "-u", m.folder).CombinedOutput(); err != nil {
			return fmt.Errorf("unmount %s: %w: %s", m.name, err, out)
		}
	}
	return m.process.Wait()
}

// usage is the processor time that the mount has taken.
func (m *mounted) usage() (time.Duration, error) {
	switch {
	case m.process == nil:
		return 0, nil
	case m.process.ProcessState != nil:
		return usage(m.process), nil
	}
	return usageSoFar(m.process.Process.Pid)
}
