package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// machine is what numbers depend on.
type machine struct {
	Processor string
	Cores     int
	MemoryGiB int
	Kernel    string
	Go        string
	Load      float64 // of the minute before the run
}

func thisMachine() machine {
	m := machine{Processor: processor(), Cores: runtime.NumCPU(), Go: runtime.Version()}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		release := unix.ByteSliceToString(name.Release[:])
		m.Kernel, _, _ = strings.Cut(release, "-")
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		m.MemoryGiB = int((info.Totalram*uint64(info.Unit) + 1<<29) >> 30)
		m.Load = float64(info.Loads[0]) / (1 << 16)
	}
	return m
}

func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func (m machine) String() string {
	return fmt.Sprintf("%d cores (%s), %d GiB of memory, Linux %s, %s", m.Cores, m.Processor, m.MemoryGiB, m.Kernel, m.Go)
}
