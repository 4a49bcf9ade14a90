package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/s3mpfs/s3mpfs/internal/size"
	"github.com/s3mpfs/s3mpfs/writer"
)

func newUploadsCompleteCommand() *cobra.Command {
	u := newUploadsCall()
	c := &cobra.Command{
		Use:   "complete [flags] BUCKET/KEY",
		Short: "Make an object of the parts that an interrupted upload holds",
		Long: `Make an object of the parts that the store holds of an upload, from the first to the
first that is missing. So a recording survives the machine that made it. The command
shows what would become the object, and does it only with --yes.

An object that has the key now is replaced, unless it changes between.`,
		Example: `  s3mpfs uploads complete my-bucket/raw/take-7.mov
  s3mpfs uploads complete my-bucket/raw/take-7.mov --upload-id VXBsb2FkIElE --yes`,
		Args: exactArgs("BUCKET/KEY"),
		RunE: func(c *cobra.Command, args []string) error {
			u.command = c
			return u.run(args[0], u.completeUpload)
		},
	}
	f := newFlagGroup("Uploads")
	f.StringVar(&u.chosen.id, "upload-id", "", "the upload with this `ID`, where the key has several")
	f.BoolVarP(&u.yes, "yes", "y", false, "do it")
	addFlagGroups(c, []flagGroup{f, u.s.s3Flags()})
	return c
}

func (u *uploadsCall) completeUpload(ctx context.Context, store uploadStore) error {
	if u.chosen.path == "" || strings.HasSuffix(u.chosen.path, "/") {
		return usageError(u.command, errors.New("KEY is missing: write it as in my-bucket/raw/take-7.mov"))
	}
	upload, err := u.one(ctx, store)
	if err != nil {
		return err
	}
	if upload.unknown != nil {
		return upload.unknown
	}
	old, err := presentObject(ctx, store, upload.Key)
	if err != nil {
		return err
	}
	rest := recoverable(upload.parts)
	printRecovery(u.command.OutOrStdout(), u.chosen.bucket, upload, rest, old)
	switch {
	case len(rest.parts) == 0:
		return errors.New("part 1 is missing, so nothing can be made of this upload")
	case !u.yes:
		return errors.New("nothing was done yet: repeat the command with --yes")
	}
	return u.complete(ctx, store, upload, rest, old)
}

// one gives the upload that is meant, or an error that lists the candidates.
func (u *uploadsCall) one(ctx context.Context, store uploadStore) (leftUpload, error) {
	found, err := u.chosen.find(ctx, store)
	if err != nil {
		return leftUpload{}, err
	}
	switch found = ofKey(found, u.chosen.path); len(found) {
	case 0:
		return leftUpload{}, u.nothingFound()
	case 1:
		return found[0], nil
	}
	if err := printUploads(u.command.OutOrStdout(), found); err != nil {
		return leftUpload{}, err
	}
	return leftUpload{}, fmt.Errorf("%s has %d uploads: say which with --upload-id", u.target(), len(found))
}

// presentObject gives the object that has the key now, nil if there is none.
func presentObject(ctx context.Context, store uploadStore, key string) (*writer.Object, error) {
	obj, err := store.HeadObject(ctx, key)
	switch {
	case errors.Is(err, writer.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &obj, nil
}

// recovery is what can be made of an upload, and why not more.
type recovery struct {
	parts []writer.Part
	end   string // why the parts behind are not among them, empty if there are none
}

// recoverable gives the parts from 1 up to the first that is missing, or to the
// first that S3 takes only as the last.
func recoverable(parts []writer.Part) recovery {
	for i, p := range parts {
		if missing := int32(i + 1); p.Number != missing {
			return recovery{parts[:i], fmt.Sprintf("part %d is missing", missing)}
		}
		if p.Size < int64(minPartSize) && i+1 < len(parts) {
			return recovery{parts[:i+1], fmt.Sprintf("part %d has %v, and S3 takes less than %v only as the last part",
				p.Number, size.Size(p.Size), minPartSize)}
		}
	}
	return recovery{parts: parts}
}

func (r recovery) size() int64 { return leftUpload{parts: r.parts}.size() }

// completion is what the store verifies. The checksum of the object follows
// from those of the parts, where the upload has them.
func (r recovery) completion(algorithm writer.Algorithm) writer.Completion {
	c := writer.Completion{Size: r.size()}
	sum := writer.Checksum{Algorithm: algorithm}
	for _, p := range r.parts {
		if p.Checksum.Algorithm != algorithm {
			return c
		}
		sum.Value = algorithm.Combine(sum.Value, p.Checksum.Value, p.Size)
	}
	c.Checksum = sum
	return c
}

func printRecovery(out io.Writer, bucket string, u leftUpload, r recovery, old *writer.Object) {
	fmt.Fprintf(out, "%s/%s, upload %s of %s\n", bucket, printable(u.Key), printable(u.ID), u.Initiated.Local().Format(time.DateTime))
	if len(r.parts) > 0 {
		fmt.Fprintf(out, "  object:  %s (%d bytes) of %s\n", size.Size(r.size()).About(), r.size(), english.Plural(len(r.parts), "part", "parts"))
	}
	if lost := len(u.parts) - len(r.parts); lost > 0 {
		fmt.Fprintf(out, "  lost:    %s of %s behind, since %s\n", size.Size(u.size()-r.size()).About(), english.Plural(lost, "part", "parts"), r.end)
	}
	if old != nil {
		fmt.Fprintf(out, "  replaces the object of %s, %s\n", old.LastModified.Local().Format(time.DateTime), size.Size(old.Size).About())
	}
}

// complete makes the object, if what has the key is still what was shown.
func (u *uploadsCall) complete(ctx context.Context, store uploadStore, upload leftUpload, r recovery, old *writer.Object) error {
	c := r.completion(upload.Checksum)
	c.IfNoneMatch = old == nil
	if old != nil {
		c.IfMatch = old.ETag
	}
	obj, err := store.CompleteMultipartUpload(ctx, upload.Upload, r.parts, c)
	if errors.Is(err, writer.ErrPrecondition) {
		return fmt.Errorf("another writer changed %s meanwhile, so nothing was done: look at it and repeat: %w", u.target(), err)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(u.command.OutOrStdout(), "completed: %s is an object of %d bytes, ETag %s\n", u.target(), obj.Size, printable(obj.ETag))
	return err
}
