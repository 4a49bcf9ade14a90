package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// claimMountpoint makes sure that of processes that mount at the same place at
// the same time one does: the others would lie above or below it, and who fails
// would take the wrong one away. The claim is a lock on the folder itself, so
// that it ends with the process, whatever way that ends, or by release.
func claimMountpoint(mountpoint string) (release func() error, err error) {
	dir, err := os.Open(mountpoint)
	if err != nil {
		return nil, fmt.Errorf("mount point: %w", err)
	}
	// A file system without locks leaves it to luck.
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errors.Join(fmt.Errorf("mount point %s is in use: another process mounts there at this moment, or still completes files "+
			"of a mount that has ended: wait for it", mountpoint), dir.Close())
	}
	// Who was faster may have mounted between the first look and the lock.
	if _, mounted, err := mountAt(mountpoint); err != nil || mounted {
		return nil, errors.Join(err, fmt.Errorf("mount point %s is in use: another process was faster", mountpoint), dir.Close())
	}
	return dir.Close, nil
}
