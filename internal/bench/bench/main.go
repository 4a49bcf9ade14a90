// Command bench measures the mount against the floor (see internal/bench/floor)
// over an endpoint that throws content away (see internal/s3discard), in one
// run and interleaved, and writes what it found as Markdown and JSON. It is run
// by scripts/bench, which builds the programs.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/s3mpfs/s3mpfs/internal/size"
)

// options of a run.
type options struct {
	programs   string // folder of s3mpfs, floor and s3discard
	out        string // folder for the report
	docs       string // page whose results are to be replaced, empty for none
	temp       string // folder for sources and mount points, in memory
	size       size.Size
	files      int // of the small-file scenarios
	runs       int
	only       *regexp.Regexp // of ENVIRONMENT/SCENARIO
	byItself   bool
	full       bool
	mountFlags []string
}

func main() {
	if len(os.Args) == 4 && os.Args[1] == randomReads {
		exit(readRandomly(os.Args[2], os.Args[3]))
	}
	o := options{only: regexp.MustCompile("")}
	flag.StringVar(&o.programs, "programs", ".", "`folder` of the programs")
	flag.StringVar(&o.out, "out", ".", "`folder` for bench.md and bench.json")
	flag.StringVar(&o.docs, "docs", "", "Markdown `page` to put the results into, between its marks")
	flag.StringVar(&o.temp, "temp", "/dev/shm", "`folder` for the files that are copied; memory, so that no disk is measured")
	flag.Var(&o.size, "size", "`bytes` of the large files; if not given 2GiB, and 8GiB with -full")
	flag.BoolVar(&o.full, "full", false, "copy 8 GiB, and once 100 GiB")
	flag.IntVar(&o.files, "files", 2000, "`number` of small files")
	flag.IntVar(&o.runs, "runs", 5, "`number` of runs whose median is told")
	flag.BoolVar(&o.byItself, "alone", false, "leave s3fs and rclone out, where they are installed")
	flag.Func("only", "`pattern` of ENVIRONMENT/SCENARIO, such as https/cp$", func(text string) (err error) {
		o.only, err = regexp.Compile(text)
		return err
	})
	flag.Func("mount-flags", "more `flags` for s3mpfs mount, to compare settings", func(text string) error {
		o.mountFlags = strings.Fields(text)
		return nil
	})
	flag.Parse()
	if o.size == 0 {
		o.size = 2 * size.GiB
		if o.full {
			o.size = 8 * size.GiB
		}
	}
	exit(benchmark(o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// benchmark measures everything and writes the report, also of what there is when
// something failed.
func benchmark(o options) (err error) {
	if o.temp, err = os.MkdirTemp(o.temp, "s3mpfs-bench."); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.temp)) }()
	if o.programs, err = filepath.Abs(o.programs); err != nil {
		return err
	}
	if err := room(o); err != nil {
		return err
	}
	src, err := makeSources(o)
	if err != nil {
		return err
	}
	r := &report{Machine: thisMachine(), Size: int64(o.size), Runs: o.runs}
	for _, e := range environments {
		results, failed := e.measure(o, src)
		r.Results = append(r.Results, results...)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", e.name, failed))
		}
	}
	var failed error
	r.Memory, failed = measureMemory(o)
	return errors.Join(err, failed, r.write(o))
}

// room tells whether the sources fit where they shall lie.
func room(o options) error {
	var st unix.Statfs_t
	if err := unix.Statfs(o.temp, &st); err != nil {
		return err
	}
	free, need := int64(st.Bavail)*st.Bsize, int64(o.size)*5/4+int64(o.files)*smallSize
	if free < need+need/20 {
		return fmt.Errorf("%s has room for %v, %v are needed; choose a smaller -size or another -temp",
			o.temp, size.Size(free).About(), size.Size(need).About())
	}
	return nil
}

// serial numbers everything that is written, so that no name comes twice.
var serial int

func next() string {
	serial++
	return strconv.Itoa(serial)
}
