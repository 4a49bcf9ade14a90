package control

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// ErrNoServer: no process serves the mount point, or none that this user may
// speak with.
var ErrNoServer = errors.New("no s3mpfs process answers for it")

// ErrServed: a living process has the socket of this mount point.
var ErrServed = errors.New("another s3mpfs process serves this mount point")

// RuntimeDir gives the folder for sockets and logs of this user's mounts and
// makes it, with mode 0700, where needed: $XDG_RUNTIME_DIR/s3mpfs, /run/s3mpfs
// or /tmp/s3mpfs-UID, whichever comes first that belongs to this user alone.
func RuntimeDir() (string, error) {
	var errs []error
	for _, dir := range runtimeDirs(os.Geteuid(), os.Getenv("XDG_RUNTIME_DIR")) {
		err := makePrivate(dir)
		if err == nil {
			return dir, nil
		}
		errs = append(errs, err)
	}
	return "", fmt.Errorf("no folder for the control socket: %w\nset XDG_RUNTIME_DIR to a folder of your own with mode 0700", errors.Join(errs...))
}

func runtimeDirs(uid int, xdg string) []string {
	var dirs []string
	// Under sudo the variable may be another user's; nothing is made there.
	if xdg != "" && checkPrivate(xdg, uid) == nil {
		dirs = append(dirs, filepath.Join(xdg, "s3mpfs"))
	}
	return append(dirs, "/run/s3mpfs", "/tmp/s3mpfs-"+strconv.Itoa(uid))
}

// makePrivate makes dir, or finds it made, such that nobody but this user can
// put anything into it. The folder above is not made.
func makePrivate(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return checkPrivate(dir, os.Geteuid())
}

// checkPrivate refuses a folder that is a symlink, not uid's or open to others.
func checkPrivate(dir string, uid int) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if !info.IsDir() || int(owner) != uid || info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s is not a folder of user %d with mode 0700", dir, uid)
	}
	return nil
}

// Name is what files that belong to a mount point are called in RuntimeDir.
// mountpoint is absolute and free of symlinks.
func Name(mountpoint string) string {
	sum := sha256.Sum256([]byte(mountpoint))
	return hex.EncodeToString(sum[:8])
}

// Find gives the path of the socket of a mount point whose mount belongs to
// owner, a user ID, or an error that is ErrNoServer.
func Find(mountpoint string, owner int) (string, error) {
	for _, path := range sockets(mountpoint, owner) {
		if answers(path) {
			return path, nil
		}
	}
	return "", ErrNoServer
}

// sockets are the paths where owner's socket may be.
func sockets(mountpoint string, owner int) (paths []string) {
	dirs := runtimeDirs(owner, fmt.Sprintf("/run/user/%d", owner))
	if xdg := os.Getenv("XDG_RUNTIME_DIR"); xdg != "" {
		dirs = append(dirs, filepath.Join(xdg, "s3mpfs"))
	}
	for _, dir := range dirs {
		if checkPrivate(dir, owner) == nil {
			paths = append(paths, filepath.Join(dir, Name(mountpoint)+".sock"))
		}
	}
	return paths
}

// Forget removes the socket that a dead process of owner left for a mount point.
func Forget(mountpoint string, owner int) error {
	for _, path := range sockets(mountpoint, owner) {
		if answers(path) {
			continue
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// answers tells whether a process listens at path.
func answers(path string) bool {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// listen opens the socket at path with mode 0600 and takes the place of one
// that a process left behind when it died.
func listen(path string) (*net.UnixListener, error) {
	if answers(path) {
		return nil, ErrServed
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	// The server removes the file itself, once, before a later mount of the
	// same mount point can have put its own there.
	l.SetUnlinkOnClose(false)
	return l, os.Chmod(path, 0o600)
}
