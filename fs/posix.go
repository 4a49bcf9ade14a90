package fs

import (
	"maps"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/s3mpfs/s3mpfs/writer"
)

// Attributes that S3 does not have lie in an object's user metadata, in keys
// that s3fs reads and writes, and of which rclone knows the first: the time in
// seconds since 1970 with decimals, all nine, as s3fs takes them for
// nanoseconds; the mode in decimal with the type of the file; the IDs in
// decimal.
const (
	timeKey = "mtime"
	modeKey = "mode"
	uidKey  = "uid"
	gidKey  = "gid"
)

// posix are the attributes that S3 does not have.
type posix struct {
	mode     uint32 // without the type
	link     bool   // a symbolic link
	uid, gid uint32
	mtime    time.Time
	// set are those that S3 holds, or is to hold; the others are the mount's,
	// or S3's own time.
	set fields
	// written: mtime is that of a write since the object was made.
	written bool
}

type fields uint8

const (
	hasMode fields = 1 << iota
	hasUID
	hasGID
	hasTime
)

// keeps are the attributes that the mount keeps in S3.
func (o *Options) keeps() fields {
	return []fields{PreserveAll: hasMode | hasUID | hasGID | hasTime, PreserveTimes: hasTime, PreserveNone: 0}[o.Preserve]
}

// change takes over what a SETATTR changes, beside the size, and tells whether
// S3 must learn of it. What the mount does not keep stays as it is, so that
// stat(2) says the same tomorrow. To set the time to now is as good as a write
// where there is one to be published.
func (p *posix) change(in *fuse.SetAttrIn, keeps fields, unpublished bool) (changed bool) {
	before := *p
	if in.Valid&fuse.FATTR_KILL_SUIDGID != 0 {
		p.disarm(keeps)
	}
	if mode, ok := in.GetMode(); ok && keeps&hasMode != 0 {
		p.mode, p.set = mode&0o7777, p.set|hasMode
	}
	if uid, ok := in.GetUID(); ok && keeps&hasUID != 0 {
		p.uid, p.set = uid, p.set|hasUID
	}
	if gid, ok := in.GetGID(); ok && keeps&hasGID != 0 {
		p.gid, p.set = gid, p.set|hasGID
	}
	mtime, ok := in.GetMTime()
	switch now := in.Valid&fuse.FATTR_MTIME_NOW != 0; {
	case !ok || keeps&hasTime == 0:
	case now && unpublished:
		p.touch(mtime)
	default:
		p.mtime, p.set, p.written = mtime, p.set|hasTime, false
	}
	return *p != before
}

// disarm takes set-user-ID away, and set-group-ID where it lets anybody run the
// file, as a change by somebody who is not privileged and chown(2) do.
func (p *posix) disarm(keeps fields) {
	mode := p.mode &^ syscall.S_ISUID
	if mode&syscall.S_IXGRP != 0 {
		mode &^= syscall.S_ISGID
	}
	if mode != p.mode && keeps&hasMode != 0 {
		p.mode, p.set = mode, p.set|hasMode
	}
}

// touch gives the time of a write.
func (p *posix) touch(now time.Time) {
	p.mtime, p.set, p.written = now, p.set&^hasTime, true
}

// fill describes an inode of this size in bytes.
func (p *posix) fill(out *fuse.Attr, size int64) {
	out.Mode = p.mode
	out.Owner = fuse.Owner{Uid: p.uid, Gid: p.gid}
	out.Nlink = 1 // of a directory: the number of sub-directories is not known
	out.Size = uint64(size)
	out.Blocks = (out.Size + 511) / 512
	out.Blksize = blockSize
	out.SetTimes(&p.mtime, &p.mtime, &p.mtime)
}

// into gives the metadata of the next version of an object that has metadata.
// What a program has not set stays as another tool stored it, but for the time,
// which is wrong once there are other bytes.
func (p *posix) into(metadata map[string]string, kind uint32) map[string]string {
	m := maps.Clone(metadata)
	if m == nil {
		m = map[string]string{}
	}
	if p.written {
		delete(m, timeKey)
	}
	for _, a := range []struct {
		field fields
		key   string
		value string
	}{
		{hasTime, timeKey, formatTime(p.mtime)},
		{hasMode, modeKey, decimal(kind | p.mode)},
		{hasUID, uidKey, decimal(p.uid)},
		{hasGID, gidKey, decimal(p.gid)},
	} {
		if p.set&a.field != 0 {
			m[a.key] = a.value
		}
	}
	return m
}

func decimal(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// take reads what metadata has of the attributes that the mount keeps. Text
// that says nothing is as good as none.
func (p *posix) take(metadata map[string]string, keeps fields) {
	if mode, ok := parseMode(metadata[modeKey]); ok && keeps&hasMode != 0 {
		p.mode, p.link, p.set = mode&0o7777, mode&syscall.S_IFMT == syscall.S_IFLNK, p.set|hasMode
	}
	if id, ok := parseID(metadata[uidKey]); ok && keeps&hasUID != 0 {
		p.uid, p.set = id, p.set|hasUID
	}
	if id, ok := parseID(metadata[gidKey]); ok && keeps&hasGID != 0 {
		p.gid, p.set = id, p.set|hasGID
	}
	if mtime, ok := parseTime(metadata[timeKey]); ok && keeps&hasTime != 0 {
		p.mtime, p.set = mtime, p.set|hasTime
	}
}

func parseID(text string) (uint32, bool) {
	id, err := strconv.ParseUint(text, 10, 32)
	return uint32(id), err == nil
}

// parseMode reads a mode as s3fs writes it, in decimal, and as rclone does with
// --metadata, in octal. With the type of the file, as both have it, no text is
// both; without, s3fs is followed, for which a leading zero means octal.
func parseMode(text string) (uint32, bool) {
	if mode, err := strconv.ParseUint(text, 10, 16); err == nil && knownType(mode) {
		return uint32(mode), true
	}
	if mode, err := strconv.ParseUint(text, 8, 16); err == nil && knownType(mode) {
		return uint32(mode), true
	}
	mode, err := strconv.ParseUint(text, 0, 12)
	return uint32(mode), err == nil
}

func knownType(mode uint64) bool {
	switch mode & syscall.S_IFMT {
	case syscall.S_IFREG, syscall.S_IFDIR, syscall.S_IFLNK:
		return true
	}
	return false
}

// formatTime writes seconds since 1970 with all decimals.
func formatTime(t time.Time) string {
	sec, nsec, sign := t.Unix(), int64(t.Nanosecond()), ""
	if sec < 0 {
		if sign, sec = "-", -sec; nsec > 0 {
			sec, nsec = sec-1, 1e9-nsec
		}
	}
	return sign + strconv.FormatInt(sec, 10) + "." + strconv.FormatInt(1e9+nsec, 10)[1:]
}

// parseTime reads seconds with any number of decimals.
func parseTime(text string) (time.Time, bool) {
	text, negative := strings.CutPrefix(text, "-")
	whole, fraction, _ := strings.Cut(text, ".")
	sec, err := strconv.ParseUint(whole, 10, 62)
	if err != nil {
		return time.Time{}, false
	}
	nsec, err := strconv.ParseUint((fraction + "000000000")[:9], 10, 32)
	if err != nil {
		return time.Time{}, false
	}
	if negative {
		return time.Unix(-int64(sec), -int64(nsec)), true
	}
	return time.Unix(int64(sec), int64(nsec)), true
}

// posixOf are the attributes of a file with this object.
func (t *Tree) posixOf(object writer.Object) posix {
	p := posix{mode: t.o.FileMode, uid: t.o.UID, gid: t.o.GID, mtime: timeOf(object)}
	if !t.plain(object) {
		p.take(object.Attributes.Metadata, t.o.keeps())
	}
	return p
}

// timeOf is S3's time of an object in whole seconds, which is all that a HEAD
// tells; some stores' listings tell more.
func timeOf(object writer.Object) time.Time { return object.LastModified.Truncate(time.Second) }

// plain tells whether an object's metadata says nothing to this mount, so that
// nobody need ask for it.
func (t *Tree) plain(object writer.Object) bool {
	return t.o.Preserve == PreserveNone || object.Plain && !t.o.ForeignAttributes
}
