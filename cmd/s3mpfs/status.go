package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/s3mpfs/s3mpfs/internal/control"
	"github.com/s3mpfs/s3mpfs/internal/size"
)

func newStatusCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:               "status [MOUNTPOINT]",
		Short:             "Show the files that are being written, of one mount or of all",
		Example:           "  s3mpfs status\n  s3mpfs status /mnt/films --json",
		Args:              maxArgs(1),
		ValidArgsFunction: completeMounts,
		RunE: func(c *cobra.Command, args []string) error {
			return status(c.Context(), c.OutOrStdout(), args, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line for each mount")
	return c
}

func status(ctx context.Context, out io.Writer, args []string, asJSON bool) error {
	mounts, err := chosenMounts(args)
	if err != nil {
		return withCode(exitMountpoint, err)
	}
	if len(mounts) == 0 && !asJSON {
		_, err := fmt.Fprintln(out, "Nothing is mounted.")
		return err
	}
	var errs []error
	for _, m := range mounts {
		s, err := askStatus(ctx, m)
		if err == nil {
			err = printStatus(out, s, asJSON)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func chosenMounts(args []string) ([]mountEntry, error) {
	if len(args) == 0 {
		return ourMounts()
	}
	m, err := findMount(args[0])
	return []mountEntry{m}, err
}

func askStatus(ctx context.Context, m mountEntry) (control.Status, error) {
	socket, err := control.Find(m.mountpoint, m.owner)
	if err != nil {
		return control.Status{}, statusWithoutServer(m, err)
	}
	client := control.NewClient(socket)
	defer client.Close()
	return client.Status(ctx)
}

func statusWithoutServer(m mountEntry, err error) error {
	if health, _ := probe(m.mountpoint); health != dead {
		return noServer(m, err)
	}
	return withCode(exitMountpoint, fmt.Errorf(
		"%s is stale: the process that served it has died. Clear it with 's3mpfs umount %s'", m.mountpoint, m.mountpoint))
}

func printStatus(out io.Writer, s control.Status, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(s)
	}
	fmt.Fprintf(out, "%s/%s at %s, process %d, memory %s of %s\n", s.Bucket, s.Prefix, s.Mountpoint, s.PID,
		size.Size(s.MemoryUsed).About(), size.Size(s.MemoryLimit).About())
	if len(s.Files) == 0 {
		_, err := fmt.Fprintln(out, "  no file is being written")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  PATH\tSIZE\tSENT\tSTATE")
	for _, f := range s.Files {
		fmt.Fprintf(table, "  %s\t%s\t%s in %s, %d in flight\t%s\n", f.Path, size.Size(f.Size).About(),
			size.Size(f.BytesSent).About(), english.Plural(f.PartsSent, "part", "parts"), f.PartsInFlight, fileState(f))
	}
	return table.Flush()
}

func fileState(f control.File) string {
	if f.Error != "" {
		return "failed: " + f.Error
	}
	return f.State
}
