package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/s3mpfs/s3mpfs/internal/control"
)

// umount(8) of a FUSE mount returns when the kernel has let go of it, while the
// process still completes files. As its helper this program makes it wait. Unlike
// `s3mpfs umount` it takes nothing away from programs that use the mount.

// umount8 names the command for umount(8)'s helper.
const umount8 = "umount8"

func newUmount8Command() *cobra.Command {
	return &cobra.Command{
		Use:                umount8 + " MOUNTPOINT",
		Short:              "Unmount, as umount(8)'s helper",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(c *cobra.Command, args []string) error {
			mountpoint, hasty, err := umount8Args(args)
			switch {
			case err != nil:
				return usageError(c, err)
			case len(hasty) > 0:
				return umountHastily(mountpoint, hasty)
			}
			ctx, stop := signal.NotifyContext(c.Context(), unix.SIGINT, unix.SIGTERM)
			defer stop()
			return umountUnlessBusy(ctx, mountpoint)
		},
	}
}

// umount8Args reads what umount(8) gives its helpers. hasty are the flags of who
// wants to be rid of the mount at once, lazily (-l) or by force (-f).
func umount8Args(args []string) (mountpoint string, hasty []string, err error) {
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "-t" || arg == "-N":
			i++
		case arg == "-l" || arg == "-f":
			hasty = append(hasty, arg)
		case len(arg) > 1 && arg[0] == '-' && strings.Trim(arg[1:], "snvr") == "":
		case strings.HasPrefix(arg, "-"):
			return "", nil, fmt.Errorf("%s is no flag of umount(8)'s helpers", arg)
		case mountpoint != "":
			return "", nil, fmt.Errorf("%q is one argument too many", arg)
		default:
			mountpoint = arg
		}
	}
	if mountpoint == "" {
		return "", nil, errors.New("MOUNTPOINT is missing")
	}
	return mountpoint, hasty, nil
}

// umountHastily leaves it to umount(8) without a helper.
func umountHastily(mountpoint string, flags []string) error {
	c := exec.Command("umount", append(append([]string{"-i"}, flags...), "--", mountpoint)...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	return withCode(exitMountpoint, c.Run())
}

// umountUnlessBusy unmounts and waits until every file is completed. A mount in
// use stays.
func umountUnlessBusy(ctx context.Context, path string) error {
	m, client, err := connect(path)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	following, ended := make(chan struct{}), make(chan error, 1)
	var outcome control.Outcome
	go func() {
		follow := sync.OnceFunc(func() { close(following) })
		var err error
		outcome, err = client.Await(ctx, func(control.Progress) { follow() })
		ended <- err
	}()
	select {
	case <-following:
	case err := <-ended:
		return withCode(exitNotDurable, err)
	}
	if err := detach(m.mountpoint, false); err != nil {
		return withCode(exitMountpoint, fmt.Errorf("%s: %w", m.mountpoint, err))
	}
	if err := <-ended; err != nil {
		return withCode(exitNotDurable, err)
	}
	return reportOutcome(io.Discard, m.mountpoint, outcome)
}
