package main

import (
	"context"

	"github.com/s3mpfs/s3mpfs/fs"
	"github.com/s3mpfs/s3mpfs/internal/size"
	"github.com/s3mpfs/s3mpfs/writer"
)

// lookForCopies looks for copies of removed files that mounts before this one
// kept for programs that had them open. One that died has left them; one on
// another machine may still need them, so that only their age can tell.
func (l *leftovers) lookForCopies(ctx context.Context) {
	prefix := l.settings.prefix + fs.AsideDir + "/"
	kept, bytes := 0, int64(0)
	for token := ""; ; {
		copies, _, next, err := l.store.List(ctx, prefix, "", token, 1000)
		if err != nil {
			l.unknown(ctx, "cannot tell whether copies of removed files were left in the bucket", err)
			return
		}
		for _, c := range copies {
			switch age := l.since.Sub(c.LastModified); {
			case age <= 0:
			case l.clears(age):
				l.deleteCopy(ctx, c)
			default:
				kept, bytes = kept+1, bytes+c.Size
			}
		}
		if token = next; token == "" {
			break
		}
	}
	if kept > 0 {
		l.log.Warn("copies of removed files are left from before this mount: delete them unless another mount still has them open",
			"prefix", prefix, "objects", kept, "size", size.Size(bytes).About(), "to_delete", l.copiesCommand(prefix))
	}
}

func (l *leftovers) deleteCopy(ctx context.Context, c writer.Object) {
	if err := l.store.DeleteObject(ctx, c.Key); err != nil {
		l.log.Warn("a stale copy of a removed file could not be deleted", "key", c.Key, "error", err)
		return
	}
	l.log.Info("stale copy of a removed file deleted", "key", c.Key, "size", size.Size(c.Size).About(), "made", c.LastModified)
}

// copiesCommand is the command line that deletes all objects under prefix.
func (l *leftovers) copiesCommand(prefix string) string {
	return l.settings.commandLine("aws", "s3", "rm", "--recursive", "s3://"+l.settings.bucket+"/"+prefix)
}
