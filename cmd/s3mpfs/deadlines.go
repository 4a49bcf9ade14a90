package main

import (
	"log/slog"
	"time"

	"github.com/s3mpfs/s3mpfs/writer"
)

// deadlines warns of uploads that a lifecycle rule of the bucket will abort
// before their file is likely to be finished. How long a file will still be
// written nobody knows; but one that has been for three quarters of the time
// that its upload has will rather not end in the last.
type deadlines struct {
	log    *slog.Logger
	warned map[string]bool // upload IDs
}

func newDeadlines(log *slog.Logger) *deadlines { return &deadlines{log, map[string]bool{}} }

// watch looks at what files gives each time.
func (d *deadlines) watch(files func() []writer.Status) func() []writer.Status {
	return func() []writer.Status {
		all := files()
		d.check(all, time.Now())
		return all
	}
}

// check warns once for each upload.
func (d *deadlines) check(files []writer.Status, now time.Time) {
	warned := map[string]bool{}
	for _, f := range files {
		if f.AbortDate.IsZero() || f.UploadID == "" {
			continue
		}
		if warned[f.UploadID] = d.warned[f.UploadID]; warned[f.UploadID] || !late(f, now) {
			continue
		}
		warned[f.UploadID] = true
		d.log.Warn("a lifecycle rule of the bucket aborts this upload soon: close the file before, or give the rule more days",
			"key", f.Key, "upload_id", f.UploadID, "begun", f.Begun, "aborted_at", f.AbortDate, "left", f.AbortDate.Sub(now).Round(time.Second).String())
	}
	d.warned = warned
}

// late tells whether three quarters of an upload's time are over.
func late(f writer.Status, now time.Time) bool {
	return now.Sub(f.Begun) > f.AbortDate.Sub(f.Begun)/4*3
}
