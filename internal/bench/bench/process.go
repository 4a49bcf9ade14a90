package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// usage is the processor time of a program.
func usage(c *exec.Cmd) time.Duration { return c.ProcessState.UserTime() + c.ProcessState.SystemTime() }

// tick is the unit of times in /proc (USER_HZ of every Linux on this hardware).
const tick = 10 * time.Millisecond

// usageSoFar is the processor time of a process that still runs.
func usageSoFar(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field may hold anything, in parentheses.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, errUser := strconv.ParseInt(fields[11], 10, 64)
	system, errSystem := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick, errors.Join(errUser, errSystem)
}

// peak is the most memory in bytes that a process had resident since forgetPeak.
func peak(pid int) (int64, error) { return memoryOf(pid, "VmHWM:") }

// memoryOf reads a number of bytes from /proc/PID/status.
func memoryOf(pid int, what string) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, what); ok {
			kib, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no %s", pid, what)
}

// forgetPeak begins the measurement of peak (proc_pid_clear_refs(5)).
func forgetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

// together runs programs at the same time and gives the processor time of all.
// What they print on stdout may be a whole file and goes to /dev/null.
func together(commands []*exec.Cmd) (time.Duration, error) {
	errs := make([]error, len(commands))
	var all sync.WaitGroup
	for i, c := range commands {
		all.Go(func() {
			var said bytes.Buffer
			c.Stderr = &said
			if err := c.Run(); err != nil {
				errs[i] = fmt.Errorf("%s: %w: %.300s", strings.Join(c.Args, " "), err, said.Bytes())
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return 0, err
	}
	var total time.Duration
	for _, c := range commands {
		total += usage(c)
	}
	return total, nil
}

// touch uses so many bytes of memory, and a quarter more, and gives them back: the
// page cache then has pages that a virtual machine's host need not find first.
func touch(n int64) error {
	if n == 0 {
		return nil
	}
	p, err := unix.Mmap(-1, 0, int(n+n/4), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_POPULATE)
	if err != nil {
		return fmt.Errorf("touch %d bytes of memory: %w", n, err)
	}
	return unix.Munmap(p)
}

// dropCache makes the kernel forget the content of a file.
func dropCache(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}
