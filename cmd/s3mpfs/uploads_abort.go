package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"
)

func newUploadsAbortCommand() *cobra.Command {
	u := newUploadsCall()
	c := &cobra.Command{
		Use:   "abort [flags] BUCKET[/KEY]",
		Short: "Abort uploads and free what they hold",
		Long: `Abort multipart uploads: those of one key, the one with an ID, or those of a bucket
or folder that are older than an age. What they hold is lost. The command shows them
and asks first, and repeats until the store holds no part of them.`,
		Example: `  s3mpfs uploads abort my-bucket/raw/take-7.mov
  s3mpfs uploads abort my-bucket/raw/take-7.mov --upload-id VXBsb2FkIElE
  s3mpfs uploads abort my-bucket/raw/ --older-than 168h --yes`,
		Args: exactArgs("BUCKET"),
		RunE: func(c *cobra.Command, args []string) error {
			u.command = c
			return u.run(args[0], u.abortUploads)
		},
	}
	f := newFlagGroup("Uploads")
	f.StringVar(&u.chosen.id, "upload-id", "", "only the upload with this `ID`")
	f.DurationVar(&u.chosen.olderThan, "older-than", 0, "uploads that began so long ago, such as 24h; of all keys in the folder KEY")
	f.BoolVarP(&u.yes, "yes", "y", false, "do not ask")
	addFlagGroups(c, []flagGroup{f, u.s.s3Flags()})
	return c
}

func (u *uploadsCall) abortUploads(ctx context.Context, store uploadStore) error {
	if err := u.checkNamed(); err != nil {
		return usageError(u.command, err)
	}
	found, err := u.chosen.find(ctx, store)
	if err != nil {
		return err
	}
	if u.chosen.olderThan == 0 && u.chosen.id == "" {
		found = ofKey(found, u.chosen.path)
	}
	if len(found) == 0 {
		return u.nothingFound()
	}
	if err := printUploads(u.command.OutOrStdout(), found); err != nil {
		return err
	}
	if !u.yes && !u.ask("Abort "+english.Plural(len(found), "upload", "uploads")+"? What they hold is lost.") {
		return errors.New("nothing was aborted")
	}
	return u.abortAll(ctx, store, found)
}

// checkNamed refuses to take a whole bucket or folder at its word.
func (u *uploadsCall) checkNamed() error {
	folder := u.chosen.path == "" || strings.HasSuffix(u.chosen.path, "/")
	if folder && u.chosen.id == "" && u.chosen.olderThan == 0 {
		return errors.New("that would abort every upload there, also those going on: name a key, --upload-id, or an age with --older-than 24h")
	}
	return nil
}

// nothingFound is no error where only an age was asked for.
func (u *uploadsCall) nothingFound() error {
	if u.chosen.id != "" {
		return fmt.Errorf("there is no upload with the ID %s of %s: see 's3mpfs uploads list %s'", u.chosen.id, u.target(), u.chosen.bucket)
	}
	if u.chosen.olderThan == 0 {
		return fmt.Errorf("there is no upload of %s: see 's3mpfs uploads list %s'", u.target(), u.chosen.bucket)
	}
	_, err := fmt.Fprintln(u.command.OutOrStdout(), "No upload is that old.")
	return err
}

// target is the argument of the command.
func (u *uploadsCall) target() string { return u.chosen.bucket + "/" + u.chosen.path }

// ofKey leaves the uploads of exactly that key.
func ofKey(found []leftUpload, key string) (same []leftUpload) {
	for _, u := range found {
		if u.Key == key {
			same = append(same, u)
		}
	}
	return same
}

func (u *uploadsCall) abortAll(ctx context.Context, store uploadStore, found []leftUpload) error {
	var errs []error
	for _, one := range found {
		if err := store.AbortMultipartUpload(ctx, one.Upload); err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", printable(one.Key), printable(one.ID), err))
			continue
		}
		fmt.Fprintf(u.command.OutOrStdout(), "aborted %s %s\n", printable(one.Key), printable(one.ID))
	}
	return errors.Join(errs...)
}

// ask puts a question to whoever sits at the terminal; no answer is a no.
func (u *uploadsCall) ask(question string) bool {
	fmt.Fprintf(u.command.OutOrStdout(), "%s [y/N] ", question)
	line, err := bufio.NewReader(u.command.InOrStdin()).ReadString('\n')
	if err != nil {
		fmt.Fprintln(u.command.OutOrStdout())
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}
