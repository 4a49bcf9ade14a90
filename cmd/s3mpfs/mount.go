package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

func newMountCommand() *cobra.Command {
	s := defaultSettings()
	c := &cobra.Command{
		Use:   "mount [flags] BUCKET[/PREFIX] MOUNTPOINT",
		Short: "Mount a bucket, or what lies under a prefix of it",
		Long: `Mount BUCKET, or what lies under PREFIX in it, at the empty folder MOUNTPOINT. The
command returns when the mount answers and leaves a process in the background that
serves it; 's3mpfs umount MOUNTPOINT' ends that.

Credentials and region come from where every AWS tool takes them: the environment,
~/.aws/config and ~/.aws/credentials, SSO, and the roles of containers and machines.
Sizes are written as in 10MiB, 64 MB or 1.5GiB; durations as in 90s or 10m.

In /etc/fstab, and wherever options are given with -o, each flag is an option by its
long name, with hyphens or underscores; what mount(8) and systemd use for themselves
(_netdev, nofail, user, x-systemd.automount, ...) is accepted too:

  my-bucket/raw  /mnt/raw  fuse.s3mpfs  _netdev,nofail,allow_other,part_size=32MiB  0  0`,
		Example: `  s3mpfs mount my-bucket /mnt/films
  s3mpfs mount my-bucket/2026/raw /mnt/raw --part-size 32MiB --storage-class STANDARD_IA
  s3mpfs mount my-bucket /mnt/films --endpoint-url https://minio.example:9000 --profile minio`,
		Args:              exactArgs("BUCKET", "MOUNTPOINT"),
		ValidArgsFunction: completeFolders,
		RunE:              func(c *cobra.Command, args []string) error { return mount(c, s, args[0], args[1]) },
	}
	addFlagGroups(c, s.flagGroups())
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if err := s.applyOptions(c.Flags(), s.options); err != nil {
			return usageError(c, err)
		}
		return nil
	}
	return c
}

// completeFolders offers folders for MOUNTPOINT, and nothing for BUCKET.
func completeFolders(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 1 {
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// mount checks what was asked for and serves it: here in the foreground, else
// in a second process of the same command line. That one comes here too.
func mount(c *cobra.Command, s *settings, target, path string) error {
	if err := errors.Join(s.setTarget(target), s.check()); err != nil {
		return usageError(c, err)
	}
	pipe := inheritedReadyPipe()
	err := checkFUSE("/dev/fuse", "/etc/fuse.conf", s.allowOther)
	if err == nil {
		s.mountpoint, err = prepareMountpoint(path)
	}
	switch {
	case err != nil:
		return withCode(exitMountpoint, err)
	case s.foreground:
		return serve(s, func(*os.File) error { return nil })
	case pipe != nil:
		return serve(s, pipe.ready)
	}
	return mountInBackground(c.Context(), s)
}

func mountInBackground(ctx context.Context, s *settings) error {
	ctx, stop := signal.NotifyContext(ctx, unix.SIGINT, unix.SIGTERM)
	defer stop()
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("go to the background: %w", err)
	}
	child := exec.Command(program, os.Args[1:]...)
	child.Args[0] = os.Args[0] // which tells how to read the others
	if err := startBackground(ctx, child); err != nil {
		return errors.Join(err, clearCrash(s.mountpoint))
	}
	if health, err := probe(s.mountpoint); health != answering {
		return withCode(exitMountpoint, fmt.Errorf("the mount at %s does not answer: %w", s.mountpoint, err))
	}
	return nil
}

// clearCrash unmounts what a process that crashed at its start left. What
// answers is another's, who was faster.
func clearCrash(mountpoint string) error {
	if _, mounted, err := mountAt(mountpoint); err != nil || !mounted {
		return err
	}
	if health, _ := probe(mountpoint); health != dead {
		return nil
	}
	_, err := unmount(mountpoint)
	return err
}
