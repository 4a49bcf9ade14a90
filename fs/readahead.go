package fs

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// kernelReadAhead is how many bytes the kernel asks for ahead of a program that
// reads a file from its start to its end: one request of the largest size. It
// begins with 128 KiB, and then every request carries an eighth of what it
// could, which costs a third of the throughput. Reads here and there still ask
// for their own pages alone.
const kernelReadAhead = maxRequest

// readAhead tells the kernel of kernelReadAhead. In the INIT answer a file system
// can only ask for less; more takes the permission to write into sysfs, which
// root has. For others it stays as it was.
func readAhead(dir string) error {
	var st unix.Statx_t
	// Without a question to the mount, which may not answer yet.
	if err := unix.Statx(unix.AT_FDCWD, dir, unix.AT_STATX_DONT_SYNC|unix.AT_NO_AUTOMOUNT, unix.STATX_TYPE, &st); err != nil {
		return err
	}
	name := fmt.Sprintf("/sys/class/bdi/%d:%d/read_ahead_kb", st.Dev_major, st.Dev_minor)
	return os.WriteFile(name, fmt.Appendln(nil, kernelReadAhead>>10), 0)
}
