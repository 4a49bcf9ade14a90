// Package modeltest sets how long tests run that do random things and compare
// with a model: a few seconds in CI, millions of steps where S3MPFS_LONG is set
// (scripts/test --long). A failure prints a seed; with -rapid.seed the same run
// is made again.
package modeltest

import (
	"flag"
	"os"
	"strconv"
)

// Length of a package's model tests.
type Length struct {
	Checks     int // runs of each test
	LongChecks int // where S3MPFS_LONG is set
	Steps      int // of each run, on average
}

// Parse parses the command line of a test binary and sets what it leaves open.
// TestMain calls it.
func (l Length) Parse() {
	flag.Parse()
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if Long() {
		l.Checks = l.LongChecks
	}
	for name, value := range map[string]string{
		"rapid.checks":     strconv.Itoa(l.Checks),
		"rapid.steps":      strconv.Itoa(l.Steps),
		"rapid.nofailfile": "true", // the seed says it all
	} {
		if given[name] {
			continue
		}
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
}

// Long tells whether tests shall take hours.
func Long() bool { return os.Getenv("S3MPFS_LONG") != "" }
