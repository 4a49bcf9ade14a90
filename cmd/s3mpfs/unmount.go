package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// unmount takes the mount at mountpoint away. Where programs still use it, it
// is only detached: nobody finds it any more, and it ends with its last user
// (busy is true). A mount that is gone already is no error.
func unmount(mountpoint string) (busy bool, err error) {
	_, mounted, err := mountAt(mountpoint)
	if err != nil || !mounted {
		return false, err
	}
	if detach(mountpoint, false) == nil {
		return false, nil
	}
	if err := detach(mountpoint, true); err != nil {
		return true, fmt.Errorf("unmount %s: %w", mountpoint, err)
	}
	return true, nil
}

// detach unmounts with the right that this user has: the system call for root,
// the set-user-ID helper of FUSE for everybody else.
func detach(mountpoint string, lazy bool) error {
	if os.Geteuid() == 0 {
		flags := unix.UMOUNT_NOFOLLOW
		if lazy {
			flags |= unix.MNT_DETACH
		}
		return unix.Unmount(mountpoint, flags)
	}
	how := "-u"
	if lazy {
		how = "-uz"
	}
	output, err := exec.Command(fusermount(), how, "--", mountpoint).CombinedOutput()
	if err != nil {
		return errors.Join(err, errors.New(strings.TrimSpace(string(output))))
	}
	return nil
}

// fusermount is the name of FUSE's helper on this machine.
func fusermount() string {
	if onPath("fusermount3") {
		return "fusermount3"
	}
	return "fusermount"
}
