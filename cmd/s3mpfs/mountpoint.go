package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/s3mpfs/s3mpfs/internal/control"
)

// fsType is what the kernel calls our mounts.
const fsType = "fuse.s3mpfs"

// resolveMountpoint makes a mount point absolute and free of symlinks. What is
// mounted there is not touched: it may be stale, silent or another user's.
func resolveMountpoint(path string) (string, error) {
	if path == "" {
		return "", errors.New("MOUNTPOINT is empty")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return "", err
	}
	resolved := filepath.Join(dir, filepath.Base(abs))
	if _, mounted, err := mountAt(resolved); err != nil || mounted {
		return resolved, err
	}
	return filepath.EvalSymlinks(resolved)
}

// prepareMountpoint gives the resolved mount point, or an error that tells
// what must be done before something can be mounted there.
func prepareMountpoint(path string) (string, error) {
	mountpoint, err := resolveMountpoint(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("mount point %s does not exist: create it with 'mkdir -p %s'", path, path)
	case err != nil:
		return "", fmt.Errorf("mount point %s: %w", path, err)
	}
	if err := checkFree(mountpoint); err != nil {
		return "", err
	}
	return mountpoint, checkEmptyDir(mountpoint)
}

// checkFree refuses a path that something is mounted on already.
func checkFree(mountpoint string) error {
	m, mounted, err := mountAt(mountpoint)
	switch {
	case err != nil || !mounted:
		return err
	case !strings.HasPrefix(m.fsType, "fuse"):
		return fmt.Errorf("mount point %s is in use by a mount of type %s: choose another folder", mountpoint, m.fsType)
	}
	switch health, err := probe(mountpoint); {
	case health == dead && recovered(m):
		return nil
	case health == dead:
		return fmt.Errorf("mount point %s is stale (transport endpoint is not connected): "+
			"the process that served it has died. Clear it with 's3mpfs umount %s' or 'fusermount3 -u %s'",
			mountpoint, mountpoint, mountpoint)
	case health == silent:
		return fmt.Errorf("mount point %s is in use by a mount of type %s that does not answer (%w): end it first",
			mountpoint, m.fsType, err)
	case m.fsType == fsType:
		return fmt.Errorf("mount point %s is in use: s3mpfs has mounted %s there. End that with 's3mpfs umount %s'",
			mountpoint, strings.TrimPrefix(m.source, "s3mpfs:"), mountpoint)
	}
	return fmt.Errorf("mount point %s is in use by a mount of type %s: choose another folder", mountpoint, m.fsType)
}

// recovered clears what a dead process of this program left, so that a mount
// can be restarted; false where that is not ours to clear. It says so, because
// files that were open then are not in the bucket.
func recovered(m mountEntry) bool {
	if m.fsType != fsType {
		return false
	}
	if _, err := unmount(m.mountpoint); err != nil {
		return false
	}
	fmt.Fprintf(os.Stderr, "s3mpfs: %s was stale and is cleared: the process that served it had died. "+
		"Files closed before are whole in the bucket; what was sent of files open then is shown by 's3mpfs uploads list'\n", m.mountpoint)
	return control.Forget(m.mountpoint, m.owner) == nil
}

// checkEmptyDir refuses what is no folder, and one whose files would be hidden.
func checkEmptyDir(mountpoint string) error {
	info, err := os.Stat(mountpoint)
	switch {
	case err != nil:
		return fmt.Errorf("mount point: %w", err)
	case !info.IsDir():
		return fmt.Errorf("mount point %s is not a folder: choose an empty folder", mountpoint)
	}
	entries, err := os.ReadDir(mountpoint)
	switch {
	case err != nil:
		return fmt.Errorf("mount point: %w", err)
	case len(entries) > 0:
		return fmt.Errorf("mount point %s is not empty: its files would be hidden; choose an empty folder", mountpoint)
	}
	return nil
}

// checkFUSE tells what this machine lacks to mount. The paths are parameters
// for tests.
func checkFUSE(device, fuseConf string, allowOther bool) error {
	if err := checkDevice(device); err != nil {
		return err
	}
	if !slices.ContainsFunc([]string{"fusermount3", "fusermount"}, onPath) {
		return errors.New("fusermount3 is missing: install it with 'apt-get install fuse3'")
	}
	if allowOther && os.Geteuid() != 0 && !allowsOther(fuseConf) {
		return fmt.Errorf("--allow-other needs the line 'user_allow_other' in %s: "+
			"ask the administrator to add it, or mount without the flag", fuseConf)
	}
	return nil
}

func checkDevice(device string) error {
	const container = "in a container run with '--device /dev/fuse --cap-add SYS_ADMIN'"
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s is missing: load the kernel module with 'modprobe fuse'; %s", device, container)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be opened by this user: ask the administrator for mode 0666; %s", device, container)
	case err != nil:
		return err
	}
	return f.Close()
}

func onPath(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// allowsOther tells whether FUSE's configuration has user_allow_other.
func allowsOther(fuseConf string) bool {
	text, err := os.ReadFile(fuseConf)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(strings.Split(string(text), "\n"), func(line string) bool {
		return strings.TrimSpace(line) == "user_allow_other"
	})
}
