package main

import (
	"errors"
	"fmt"
	"strings"
)

// Exit codes of every command. They are a contract: scripts and service
// managers branch on them.
const (
	exitOK         = 0
	exitFailed     = 1
	exitUsage      = 2
	exitMountpoint = 3
	exitBucket     = 4
	exitNotDurable = 5
)

// exitMeanings is what --help and README say of each code, by its value.
var exitMeanings = []string{
	exitOK:         "all is well; after umount: everything written is durable",
	exitFailed:     "any other failure",
	exitUsage:      "a flag or an argument is wrong",
	exitMountpoint: "the mount point cannot be used, or FUSE is not available",
	exitBucket:     "the bucket cannot be used: name, region, endpoint, credentials or permissions",
	exitNotDurable: "at least one file is not durable, or nobody can tell",
}

// exitHelp is the table of exit codes for --help.
func exitHelp() string {
	var b strings.Builder
	for code, meaning := range exitMeanings {
		fmt.Fprintf(&b, "  %d  %s\n", code, meaning)
	}
	return b.String()
}

// codedError is an error that decides the exit code.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

// withCode makes err end the program with code; nil stays nil, and an error
// that has a code keeps it.
func withCode(code int, err error) error {
	var coded *codedError
	if err == nil || errors.As(err, &coded) {
		return err
	}
	return &codedError{code, err}
}

// exitCode is the code that a command which returned err ends with.
func exitCode(err error) int {
	var coded *codedError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &coded):
		return coded.code
	}
	return exitFailed
}
