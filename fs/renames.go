package fs

import "time"

// Rename describes a directory that is being renamed.
type Rename struct {
	From, To        string // from the mount point on
	Since           time.Time
	Objects, Copied int   // found in the directory, and copied so far
	Deleted         int   // of those copied, at their old place
	Bytes           int64 // of the objects found
	BytesCopied     int64
}

// Renames describes the directories that are being renamed.
func (t *Tree) Renames() (all []Rename) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for r := range t.renames {
		r.mu.Lock()
		all = append(all, Rename{
			From: t.path(r.from), To: t.path(r.to), Since: r.since, Objects: r.objects, Copied: len(r.copies),
			Deleted: r.deleted, Bytes: r.bytes, BytesCopied: r.copied,
		})
		r.mu.Unlock()
	}
	return all
}
