package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/s3mpfs/s3mpfs/internal/control"
	"github.com/s3mpfs/s3mpfs/internal/size"
)

func newStatusCommand() *cobra.Command {
	var asJSON, again bool
	c := &cobra.Command{
		Use:   "status [MOUNTPOINT]",
		Short: "Show the files that are being written, of one mount or of all",
		Long: `Show what a mount, or each mount of this user, is doing: the files being written
with their parts that were sent, are in flight and are kept in memory, the memory
in use, and the requests to S3.`,
		Example:           "  s3mpfs status\n  s3mpfs status /mnt/films --watch\n  s3mpfs status /mnt/films --json",
		Args:              maxArgs(1),
		ValidArgsFunction: completeMounts,
		RunE: func(c *cobra.Command, args []string) error {
			if again {
				return watchStatus(c.Context(), c.OutOrStdout(), args, asJSON)
			}
			return status(c.Context(), c.OutOrStdout(), args, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line for each mount")
	c.Flags().BoolVar(&again, "watch", false, "show it again each second, until interrupted")
	return c
}

// watchEvery is how often --watch shows the status.
const watchEvery = time.Second

// watchStatus shows the status again and again until the user interrupts it, or
// the mount is gone.
func watchStatus(ctx context.Context, out io.Writer, args []string, asJSON bool) error {
	ctx, stop := signal.NotifyContext(ctx, unix.SIGINT, unix.SIGTERM)
	defer stop()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		var page bytes.Buffer
		err := status(ctx, &page, args, asJSON)
		if ctx.Err() != nil {
			return nil
		}
		if page.Len() > 0 { // else what was shown last stays
			err = errors.Join(err, show(out, page.String(), asJSON))
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// show shows a page, on a terminal in the place of the one before.
func show(out io.Writer, page string, asJSON bool) error {
	if rows, columns, is := terminalSize(out); is && !asJSON {
		page = redrawn(fitted(page, rows, columns))
	}
	_, err := io.WriteString(out, page)
	return err
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
	ctx, cancel := context.WithTimeoutCause(ctx, answerWithin, fmt.Errorf("no answer within %v", answerWithin))
	defer cancel()
	s, err := client.Status(ctx)
	if err != nil {
		err = fmt.Errorf("%s: the process that serves it does not tell its status: %w", m.mountpoint, cmp.Or(context.Cause(ctx), err))
	}
	return s, err
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
	printMount(out, s)
	printRenames(out, s.Renames)
	if n := s.AttributesPending; n > 0 {
		fmt.Fprintf(out, "  modes, owners, times or extended attributes of %s still to be stored\n", english.Plural(n, "name", "names"))
	}
	if len(s.Files) == 0 {
		_, err := fmt.Fprintln(out, "  no file is being written")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  PATH\tSIZE\tSENT\tRATE\tPARTS\tIN FLIGHT\tKEPT\tAGE\tRETRIES\tSTATE")
	for _, f := range s.Files {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s/s\t%d\t%d\t%d\t%s\t%d\t%s\n", printable(f.Path),
			size.Size(f.Size).About(), size.Size(f.BytesSent).About(), size.Size(f.Rate).About(),
			f.PartsSent, f.PartsInFlight, f.PartsRetained, age(f.Since), f.Retries, fileState(f))
	}
	return table.Flush()
}

// printMount prints what concerns the mount as a whole.
func printMount(out io.Writer, s control.Status) {
	ending := ""
	if s.Ending {
		ending = ", ending: every file is being completed"
	}
	fmt.Fprintf(out, "%s/%s at %s, process %d for %s%s\n", s.Bucket, s.Prefix, s.Mountpoint, s.PID, age(s.Since), ending)
	fmt.Fprintf(out, "  memory: %s of %s\n", size.Size(s.MemoryUsed).About(), size.Size(s.MemoryLimit).About())
	fmt.Fprintf(out, "  S3: %s, %s, %s, %s throttled; %s sent, %s received; up to %d at once\n",
		plural(s.S3.Requests, "request"), english.Plural(int(s.S3.Errors), "error", "errors"),
		english.Plural(int(s.S3.Retries), "retry", "retries"), humanize.Comma(s.S3.Throttled),
		size.Size(s.S3.BytesSent).About(), size.Size(s.S3.BytesReceived).About(), s.Concurrency)
	if s.FilesFailed > 0 {
		fmt.Fprintf(out, "  %s failed since the mount began; the log names each\n", english.Plural(s.FilesFailed, "file", "files"))
	}
	printFailures(out, s.Failures)
}

// maxFailures are shown; the log has all.
const maxFailures = 10

// printFailures prints a line for each file that failed after close had
// returned, so that no program knows.
func printFailures(out io.Writer, failed []control.Failure) {
	for _, f := range failed[:min(len(failed), maxFailures)] {
		fmt.Fprintf(out, "  not durable: %s: %s\n", printable(f.Path), printable(f.Error))
	}
	if more := len(failed) - maxFailures; more > 0 {
		fmt.Fprintf(out, "  and %s more\n", humanize.Comma(int64(more)))
	}
}

// printRenames prints a line for each folder that is being renamed.
func printRenames(out io.Writer, renames []control.Rename) {
	for _, r := range renames {
		fmt.Fprintf(out, "  renaming %s to %s for %s: %s of %s copied, %s of %s; %s deleted\n", printable(r.From), printable(r.To), age(r.Since),
			humanize.Comma(int64(r.Copied)), english.Plural(r.Objects, "object", "objects"),
			size.Size(r.BytesCopied).About(), size.Size(r.Bytes).About(), humanize.Comma(int64(r.Deleted)))
	}
}

// plural is a number of things, with commas.
func plural(n int64, thing string) string {
	return humanize.Comma(n) + " " + english.PluralWord(int(n), thing, "")
}

// age is how long ago something was, to the second.
func age(since time.Time) string { return time.Since(since).Round(time.Second).String() }

func fileState(f control.File) string {
	if f.Error != "" {
		return "failed: " + printable(f.Error)
	}
	if f.LastFault != "" {
		return f.State + ", after " + printable(f.LastFault)
	}
	return f.State
}
