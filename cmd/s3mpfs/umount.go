package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/s3mpfs/s3mpfs/internal/control"
	"github.com/s3mpfs/s3mpfs/internal/size"
)

func newUmountCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "umount MOUNTPOINT",
		Aliases: []string{"unmount"},
		Short:   "Complete every file and unmount",
		Long: `Complete every file that is being written, in parallel, and unmount. It waits until
all is durable, and exit code 0 says so; else each file that failed is named.

Files that programs still hold open are completed too; what these programs write
afterwards fails. A mount whose process has died is cleared away.`,
		Example:           "  s3mpfs umount /mnt/films",
		Args:              exactArgs("MOUNTPOINT"),
		ValidArgsFunction: completeMounts,
		RunE: func(c *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), unix.SIGINT, unix.SIGTERM)
			defer stop()
			return umount(ctx, c.OutOrStdout(), args[0])
		},
	}
}

// completeMounts offers the mount points of s3mpfs to the shell.
func completeMounts(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	mounts, err := ourMounts()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var points []string
	for _, m := range mounts {
		points = append(points, m.mountpoint)
	}
	return points, cobra.ShellCompDirectiveNoFileComp
}

func umount(ctx context.Context, out io.Writer, path string) error {
	m, client, err := connect(path)
	if err != nil {
		return err
	}
	defer client.Close()
	line := newProgressLine(out)
	outcome, err := client.Umount(ctx, line.show)
	line.clear()
	switch {
	case ctx.Err() != nil:
		return withCode(exitNotDurable, fmt.Errorf("gave up waiting; s3mpfs goes on completing the files of %s", m.mountpoint))
	case err != nil:
		return withCode(exitNotDurable, err)
	}
	return reportOutcome(out, m.mountpoint, outcome)
}

// connect finds the mount at path and its process, which the client is of. The
// error has its exit code.
func connect(path string) (mountEntry, *control.Client, error) {
	m, err := findMount(path)
	if err != nil {
		return m, nil, withCode(exitMountpoint, err)
	}
	socket, err := control.Find(m.mountpoint, m.owner)
	if err != nil {
		return m, nil, withoutServer(m, err)
	}
	return m, control.NewClient(socket), nil
}

// findMount gives the s3mpfs mount at path.
func findMount(path string) (mountEntry, error) {
	mountpoint, err := resolveMountpoint(path)
	if err != nil {
		return mountEntry{}, fmt.Errorf("mount point: %w", err)
	}
	m, mounted, err := mountAt(mountpoint)
	switch {
	case err != nil:
		return m, err
	case !mounted:
		return m, fmt.Errorf("nothing is mounted at %s", mountpoint)
	case m.fsType != fsType:
		return m, fmt.Errorf("what is mounted at %s is no s3mpfs but of type %s: use 'umount %s'", mountpoint, m.fsType, mountpoint)
	}
	return m, nil
}

// withoutServer ends a mount whose process does not listen: what a dead one
// left is cleared, anything else is left alone.
func withoutServer(m mountEntry, err error) error {
	if health, _ := probe(m.mountpoint); health == dead {
		return clearStale(m)
	}
	return withCode(exitNotDurable, noServer(m, err))
}

// clearStale unmounts what a dead process left. Files that were open when it
// died are not in the bucket, so this is no success.
func clearStale(m mountEntry) error {
	_, err := unmount(m.mountpoint)
	if err := errors.Join(err, control.Forget(m.mountpoint, m.owner)); err != nil {
		return withCode(exitMountpoint, err)
	}
	return withCode(exitNotDurable, fmt.Errorf("%s was stale and is cleared: the process that served it had died. "+
		"Files closed before that are whole in the bucket; files open at that moment are not", m.mountpoint))
}

// noServer tells why nobody can say whether the files are durable.
func noServer(m mountEntry, err error) error {
	if m.owner != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d: %w; run this as that user", m.mountpoint, m.owner, err)
	}
	return fmt.Errorf("%s: %w. If you are sure that it is gone, 'fusermount3 -uz %s' unmounts", m.mountpoint, err, m.mountpoint)
}

// reportOutcome prints how the mount ended and turns it into the exit code.
func reportOutcome(out io.Writer, mountpoint string, o control.Outcome) error {
	if len(o.Failed) > 0 {
		return withCode(exitNotDurable, failedFiles(o.Failed))
	}
	if o.UnmountError != "" {
		return withCode(exitMountpoint, fmt.Errorf("everything is durable, but %s is still mounted: %s", mountpoint, o.UnmountError))
	}
	message := "Everything is durable. " + mountpoint + " is unmounted."
	if o.Busy {
		message = "Everything written is durable. " + mountpoint + " is unmounted, though programs still had it open: what they write now fails."
	}
	if o.Told > 0 {
		message += " Before, " + english.Plural(o.Told, "file", "files") + " failed, which the programs were told; the log names each."
	}
	_, err := fmt.Fprintln(out, message)
	return err
}

// failedFiles lists each file that is not durable, a line each.
func failedFiles(failed []control.Failure) error {
	errs := []error{fmt.Errorf("%s not durable", english.Plural(len(failed), "file is", "files are"))}
	for _, f := range failed {
		errs = append(errs, fmt.Errorf("  %s: %s", printable(f.Path), printable(f.Error)))
	}
	return errors.Join(errs...)
}

// progressLine shows on a terminal, in one line, what is left to be done.
type progressLine struct {
	out      io.Writer
	terminal bool
}

func newProgressLine(out io.Writer) progressLine {
	_, _, is := terminalSize(out)
	return progressLine{out, is}
}

func (l progressLine) show(p control.Progress) {
	if !l.terminal {
		return
	}
	fmt.Fprint(l.out, eraseLine+whatIsLeft(p))
}

// whatIsLeft leaves out what there is nothing of.
func whatIsLeft(p control.Progress) string {
	var left []string
	if p.FilesLeft > 0 {
		left = append(left, fmt.Sprintf("%s to complete, %s to send", english.Plural(p.FilesLeft, "file", "files"), size.Size(p.BytesLeft).About()))
	}
	if p.ObjectsLeft > 0 {
		left = append(left, english.Plural(p.ObjectsLeft, "object", "objects")+" to rename")
	}
	if p.AttributesLeft > 0 {
		left = append(left, "attributes of "+english.Plural(p.AttributesLeft, "name", "names")+" to store")
	}
	if len(left) == 0 {
		return "unmounting"
	}
	return strings.Join(left, ", ")
}

func (l progressLine) clear() {
	if l.terminal {
		fmt.Fprint(l.out, eraseLine)
	}
}
