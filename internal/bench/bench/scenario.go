package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// scenario is something that programs do in a mount.
type scenario struct {
	name  string
	title string
	files int   // 0: one
	bytes int64 // of all files; 0: they are small and counted
	reads int   // random reads

	// object is the size of an object that is read, which each run gets anew.
	object int64
	// mount makes the programs that are timed.
	mount func(r *run) []*exec.Cmd
	// plain makes the same with the floor, without a mount; nil if it cannot.
	plain func(r *run) *exec.Cmd
	// common has other mounts do it too.
	common bool
	// again mounts anew for each run and times the unmount too.
	again bool
}

// run is one run of one scenario by one target.
type run struct {
	options
	sources
	*endpoint
	*mounted
	name string // new, in the mount or the bucket
}

func (r *run) path() string { return filepath.Join(r.folder, r.name) }

// reads is how many random reads there are, of readSize bytes.
const (
	reads    = 500
	readSize = 4 << 10
)

// readFrom is the size of the object that random reads are made of.
const readFrom = 1 << 30

func scenarios(o options) []scenario {
	n := int64(o.size)
	return []scenario{
		{name: "cp", title: "`cp`", bytes: n, mount: cp, common: true},
		{name: "dd", title: "`dd bs=1M`", bytes: n, mount: dd},
		{name: "cp4", title: "4 `cp` in parallel", bytes: n, files: 4, mount: cp4},
		{name: "read", title: "sequential read", bytes: min(n, 4<<30), object: min(n, 4<<30), mount: read, plain: getAll, common: true},
		{name: "direct", title: "sequential read with O_DIRECT", bytes: min(n, 4<<30), object: min(n, 4<<30), mount: readDirect, plain: getAll},
		{name: "small", title: "`cp -r` of small files", files: o.files, mount: cpSmall},
		{name: "write-behind", title: "`cp -r` of small files and unmount", files: o.files, mount: cpSmall, plain: putAll, again: true},
		{name: "random", title: "random reads of 4 KiB", reads: reads, object: readFrom, mount: readAtRandom},
	}
}

func cp(r *run) []*exec.Cmd { return []*exec.Cmd{exec.Command("cp", r.large, r.path())} }

func dd(r *run) []*exec.Cmd {
	return []*exec.Cmd{exec.Command("dd", "bs=1M", "if="+r.large, "of="+r.path())}
}

func cp4(r *run) (all []*exec.Cmd) {
	for i := range 4 {
		all = append(all, exec.Command("cp", r.quarter, r.path()+"-"+strconv.Itoa(i)))
	}
	return all
}

func cpSmall(r *run) []*exec.Cmd { return []*exec.Cmd{exec.Command("cp", "-r", r.small, r.path())} }

func read(r *run) []*exec.Cmd {
	return []*exec.Cmd{exec.Command("dd", "bs=1M", "if="+r.path(), "of=/dev/null")}
}

// readDirect reads past the kernel's page cache.
func readDirect(r *run) []*exec.Cmd {
	return []*exec.Cmd{exec.Command("dd", "bs=1M", "iflag=direct", "if="+r.path(), "of=/dev/null")}
}

// randomReads is the first argument with which this program reads.
const randomReads = "random-reads"

func readAtRandom(r *run) []*exec.Cmd {
	return []*exec.Cmd{exec.Command("/proc/self/exe", randomReads, r.path(), strconv.Itoa(reads))}
}

// getAll and putAll give the size of an object, and the number of files, as the
// floor wants them.
func getAll(r *run) *exec.Cmd {
	return floorCommand(r.options, r.endpoint, r.concurrency, "get", r.name, r.name[strings.LastIndexByte(r.name, '.')+1:])
}

func putAll(r *run) *exec.Cmd {
	return floorCommand(r.options, r.endpoint, r.concurrency, "put", r.name, strconv.Itoa(r.files), fmt.Sprint(smallSize))
}
