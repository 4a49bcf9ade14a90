package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// mountEntry is one line of /proc/self/mountinfo, see proc_pid_mountinfo(5).
type mountEntry struct {
	mountpoint string
	fsType     string
	source     string
	owner      int // user_id of a FUSE mount, else 0
}

// mountAt gives the topmost mount on path, if there is one.
func mountAt(path string) (m mountEntry, mounted bool, err error) {
	mounts, err := readMounts()
	for _, each := range mounts {
		if each.mountpoint == path {
			m, mounted = each, true
		}
	}
	return m, mounted, err
}

// ourMounts lists what s3mpfs has mounted for this user, or for everybody if
// that is root, in the order of mounting.
func ourMounts() ([]mountEntry, error) {
	mounts, err := readMounts()
	var ours []mountEntry
	for _, m := range mounts {
		if m.fsType == fsType && (m.owner == os.Geteuid() || os.Geteuid() == 0) {
			ours = append(ours, m)
		}
	}
	return ours, err
}

func readMounts() ([]mountEntry, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("list the mounts: %w", err)
	}
	return parseMounts(text), nil
}

func parseMounts(text []byte) []mountEntry {
	var mounts []mountEntry
	for line := range bytes.Lines(text) {
		before, after, ok := strings.Cut(string(line), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 3 {
			continue
		}
		mounts = append(mounts, mountEntry{
			mountpoint: unescape(left[4]),
			fsType:     right[0],
			source:     unescape(right[1]),
			owner:      ownerOf(right[2]),
		})
	}
	return mounts
}

// ownerOf reads user_id from a FUSE mount's options.
func ownerOf(options string) int {
	for option := range strings.SplitSeq(options, ",") {
		if id, ok := strings.CutPrefix(option, "user_id="); ok {
			owner, _ := strconv.Atoi(id) // the kernel wrote it
			return owner
		}
	}
	return 0
}

// unescape reverses the kernel's octal escapes of white space and backslashes.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
