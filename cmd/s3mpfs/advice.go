package main

import (
	"context"
	"log/slog"

	"github.com/s3mpfs/s3mpfs/writer"
)

// adviser adds to each warning about an upload that stays in the bucket the
// command lines that complete and abort it. Those who write these lines, which
// have a key and an upload ID, do not know the bucket.
type adviser struct {
	slog.Handler
	settings *settings
}

func (a adviser) Handle(ctx context.Context, r slog.Record) error {
	if u := uploadIn(r); r.Level >= slog.LevelWarn && u.Key != "" && u.ID != "" {
		r = r.Clone()
		r.AddAttrs(
			slog.String("to_complete", a.settings.uploadsCommand("complete", u)),
			slog.String("to_abort", a.settings.uploadsCommand("abort", u)))
	}
	return a.Handler.Handle(ctx, r)
}

// uploadIn is the upload that a line of the log is about, if it is about one.
func uploadIn(r slog.Record) (u writer.Upload) {
	r.Attrs(func(attr slog.Attr) bool {
		switch attr.Key {
		case "key":
			u.Key = attr.Value.String()
		case "upload_id":
			u.ID = attr.Value.String()
		}
		return true
	})
	return u
}

func (a adviser) WithAttrs(attrs []slog.Attr) slog.Handler {
	return adviser{a.Handler.WithAttrs(attrs), a.settings}
}

func (a adviser) WithGroup(name string) slog.Handler {
	return adviser{a.Handler.WithGroup(name), a.settings}
}
