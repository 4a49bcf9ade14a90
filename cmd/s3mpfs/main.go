// Command s3mpfs mounts an S3 bucket as a file system for writing.
//
// Files here: one for each sub-command (mount.go, umount.go, status.go,
// version.go), the mount's flags (flags.go, check.go), the way into the
// background (background.go), and the life of a mount (serve.go, session.go).
package main

import (
	"errors"
	"fmt"
	"os"
)

func main() { os.Exit(run(os.Args[1:])) }

// run executes one command line and gives the exit code.
func run(args []string) int {
	root := newRootCommand()
	root.SetArgs(args)
	err := root.Execute()
	if err != nil && !errors.Is(err, errPrinted) {
		fmt.Fprintf(os.Stderr, "s3mpfs: %v\n", err)
	}
	return exitCode(err)
}
