package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/s3mpfs/s3mpfs/internal/size"
)

func newUploadsListCommand() *cobra.Command {
	u := newUploadsCall()
	c := &cobra.Command{
		Use:   "list [flags] BUCKET[/KEY]",
		Short: "List uploads that were neither completed nor aborted",
		Long: `List the multipart uploads of a bucket, or of one key and what lies in the folder of
that name: when each began, how many parts the store holds of it, and their bytes.
What they cost is reckoned with the price of S3 Standard in us-east-1, $0.023 per
GB and month.

An upload that is going on looks like one that was left: only its age, and whoever
may be writing that key, tell them apart.`,
		Example: `  s3mpfs uploads list my-bucket
  s3mpfs uploads list my-bucket/raw/ --older-than 24h --json`,
		Args: exactArgs("BUCKET"),
		RunE: func(c *cobra.Command, args []string) error {
			u.command = c
			return u.run(args[0], u.listUploads)
		},
	}
	f := newFlagGroup("Uploads")
	f.DurationVar(&u.chosen.olderThan, "older-than", 0, "only uploads that began so long ago, such as 24h")
	f.BoolVar(&u.json, "json", false, "print one JSON object a line for each upload")
	addFlagGroups(c, []flagGroup{f, u.s.s3Flags()})
	return c
}

// run opens the store of target for work.
func (u *uploadsCall) run(target string, work func(ctx context.Context, store uploadStore) error) error {
	if err := u.read(target); err != nil {
		return err
	}
	store, err := u.open()
	if err != nil {
		return err
	}
	defer store.Close()
	return work(u.command.Context(), store)
}

func (u *uploadsCall) listUploads(ctx context.Context, store uploadStore) error {
	found, err := u.chosen.find(ctx, store)
	if err != nil {
		return err
	}
	out, print := u.command.OutOrStdout(), printUploads
	if u.json {
		print = printUploadsJSON
	}
	return errors.Join(print(out, found), untold(found))
}

// untold is an error where the parts of some uploads cannot be told.
func untold(found []leftUpload) error {
	var first error
	n := 0
	for _, u := range found {
		if u.unknown != nil {
			n, first = n+1, cmp.Or(first, u.unknown)
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("the parts of %s cannot be told: %w", english.Plural(n, "upload", "uploads"), first)
}

// uploadJSON is an upload for machines.
type uploadJSON struct {
	Key       string    `json:"key"`
	UploadID  string    `json:"upload_id"`
	Initiated time.Time `json:"initiated"`
	Parts     *int      `json:"parts"` // null where they cannot be told
	Bytes     *int64    `json:"bytes"`
}

func printUploadsJSON(out io.Writer, found []leftUpload) error {
	encoder := json.NewEncoder(out)
	for _, u := range found {
		line := uploadJSON{Key: u.Key, UploadID: u.ID, Initiated: u.Initiated}
		if n, bytes := len(u.parts), u.size(); u.unknown == nil {
			line.Parts, line.Bytes = &n, &bytes
		}
		if err := encoder.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// dollarsPerGB and month is the price of S3 Standard in us-east-1, where it is
// lowest. https://aws.amazon.com/s3/pricing/
const dollarsPerGB = 0.023

func printUploads(out io.Writer, found []leftUpload) error {
	if len(found) == 0 {
		_, err := fmt.Fprintln(out, "No upload was left.")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "INITIATED\tPARTS\tBYTES\tKEY\tUPLOAD ID")
	var total int64
	for _, u := range found {
		total += u.size()
		parts, bytes := strconv.Itoa(len(u.parts)), size.Size(u.size()).About()
		if u.unknown != nil {
			parts, bytes = "?", "?"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", u.Initiated.Local().Format(time.DateTime), parts, bytes, printable(u.Key), printable(u.ID))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%s, %s; such parts are billed like objects: $%s a month in S3 Standard\n",
		english.Plural(len(found), "upload", "uploads"), size.Size(total).About(), monthly(total))
	return err
}

// monthly is about what storing so many bytes costs in a month, in dollars.
func monthly(bytes int64) string {
	return humanize.FormatFloat("#,###.##", float64(bytes)/1e9*dollarsPerGB)
}
