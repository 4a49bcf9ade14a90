// Command s3mpfs mounts an S3 bucket as a file system for writing.
//
// Files here: one for each sub-command (mount.go, umount.go, status.go,
// uploads*.go, version.go), the mount's flags (flags.go, check.go) and mount(8)'s
// (argv.go, options.go, umount8.go), the way into the background (background.go), and the
// life of a mount (serve.go, session.go) with what watches it (observe.go,
// history.go, web.go, leftovers.go, notify.go).
package main

import (
	"errors"
	"fmt"
	"os"
)

func main() {
	// mount(8) gives its helpers none, but fusermount3 and what a profile names
	// as credential_process must be found.
	if os.Getenv("PATH") == "" {
		os.Setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	os.Exit(run(os.Args))
}

// run executes one command line and gives the exit code.
func run(argv []string) int {
	root := newRootCommand()
	args, err := commandLine(root, argv)
	switch {
	case errors.Is(err, errFake):
		return exitOK
	case err == nil:
		root.SetArgs(args)
		err = root.Execute()
	}
	if err != nil && !errors.Is(err, errPrinted) {
		fmt.Fprintf(os.Stderr, "s3mpfs: %s\n", harmless(err.Error()))
	}
	return exitCode(err)
}
