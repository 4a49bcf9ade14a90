package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/s3mpfs/s3mpfs/writer"
	"github.com/s3mpfs/s3mpfs/writer/s3store"
)

func newUploadsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "uploads",
		Short: "List, complete or abort multipart uploads that were left in a bucket",
		Long: `A multipart upload that was neither completed nor aborted is no object and in no
listing, and its parts are billed. One is left behind when the machine of a mount
dies, when a mount has --on-kill=park and a writer is killed, and when another
writer changed the object first (ESTALE).

These commands ask the store alone: they need no mount, and work on any machine.
They touch an upload only if its key, its ID or its age was named, whoever made it.`,
		Args: knownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newUploadsListCommand(), newUploadsCompleteCommand(), newUploadsAbortCommand())
	return c
}

// uploadStore is what the commands need of S3.
type uploadStore interface {
	ListUploads(ctx context.Context, prefix string) ([]writer.Upload, error)
	ListParts(ctx context.Context, u writer.Upload) ([]writer.Part, error)
	HeadObject(ctx context.Context, key string) (writer.Object, error)
	CompleteMultipartUpload(ctx context.Context, u writer.Upload, parts []writer.Part, c writer.Completion) (writer.Object, error)
	AbortMultipartUpload(ctx context.Context, u writer.Upload) error
}

var _ uploadStore = (*s3store.Store)(nil)

// uploadsCall is one call of one of the commands.
type uploadsCall struct {
	command *cobra.Command
	s       *settings
	chosen  choiceOfUploads
	yes     bool
	json    bool
}

// newUploadsCall has the defaults of a command at which a person waits.
func newUploadsCall() *uploadsCall {
	u := &uploadsCall{s: defaultSettings()}
	u.s.retryTimeout = time.Minute
	return u
}

// choiceOfUploads says which uploads a command is about.
type choiceOfUploads struct {
	bucket string
	// path is a key, or a folder of keys if it is empty or ends with a slash.
	path      string
	id        string        // empty for any
	olderThan time.Duration // 0 for any age
}

// matches tells whether u is meant; now is the store's time or close to it.
func (c choiceOfUploads) matches(u writer.Upload, now time.Time) bool {
	return within(u.Key, c.path) && (c.id == "" || c.id == u.ID) &&
		(c.olderThan == 0 || now.Sub(u.Initiated) >= c.olderThan)
}

// within tells whether key is path, or lies in the folder path.
func within(key, path string) bool {
	if path == "" || strings.HasSuffix(path, "/") {
		return strings.HasPrefix(key, path)
	}
	return key == path || strings.HasPrefix(key, path+"/")
}

// read takes BUCKET[/PATH] as it was given and checks the flags.
func (u *uploadsCall) read(target string) error {
	u.chosen.bucket, u.chosen.path = splitTarget(strings.TrimPrefix(target, "s3://"))
	u.s.bucket = u.chosen.bucket
	var age error
	if u.chosen.olderThan < 0 {
		age = fmt.Errorf("--older-than %v is in the future: use for example 24h", u.chosen.olderThan)
	}
	err := errors.Join(checkBucket(u.s.bucket), u.s.checkEndpoint(), u.s.checkCredentials(), u.s.checkBucketOwner(), age)
	if err != nil {
		return usageError(u.command, err)
	}
	return nil
}

// open finds the bucket.
func (u *uploadsCall) open() (*s3store.Store, error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	store, err := openStore(u.s.storeConfig(log))
	return store, withCode(exitBucket, err)
}

// leftUpload is an upload with the parts that the store holds of it.
type leftUpload struct {
	writer.Upload
	parts   []writer.Part
	unknown error // why the parts cannot be told, nil if they can
}

// size is in bytes.
func (u leftUpload) size() (n int64) {
	for _, p := range u.parts {
		n += p.Size
	}
	return n
}

// find gives the chosen uploads with their parts, the oldest first.
func (c choiceOfUploads) find(ctx context.Context, store uploadStore) ([]leftUpload, error) {
	uploads, err := c.list(ctx, store)
	if err != nil {
		return nil, err
	}
	found := make([]leftUpload, len(uploads))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i, u := range uploads {
		group.Go(func() error {
			parts, err := store.ListParts(ctx, u)
			found[i] = leftUpload{Upload: u, parts: parts}
			switch {
			case errors.Is(err, writer.ErrNoSuchUpload):
				found[i].ID, err = "", nil // ended meanwhile
			case errors.Is(err, writer.ErrAccess): // another's, or s3:ListMultipartUploadParts is missing
				found[i].unknown, err = err, nil
			}
			return err
		})
	}
	err = group.Wait()
	return slices.DeleteFunc(found, func(u leftUpload) bool { return u.ID == "" }), err
}

// list gives the chosen uploads, the oldest first.
func (c choiceOfUploads) list(ctx context.Context, store uploadStore) ([]writer.Upload, error) {
	uploads, err := store.ListUploads(ctx, c.path)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	uploads = slices.DeleteFunc(uploads, func(u writer.Upload) bool { return !c.matches(u, now) })
	slices.SortStableFunc(uploads, func(a, b writer.Upload) int { return a.Initiated.Compare(b.Initiated) })
	return uploads, nil
}
