package fs

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Options of a tree. The zero value of a field means its default.
type Options struct {
	// Bucket is the name that df and mount show.
	Bucket string
	// Prefix of all keys of the mount; a slash is added at its end.
	Prefix string
	// UID and GID own every file and directory.
	UID, GID uint32
	// FileMode and DirMode are the permissions of what has no others; 0644
	// and 0755 by default.
	FileMode, DirMode uint32
	// ReadOnly refuses every change with EROFS before any request.
	ReadOnly bool
	// AllowOther lets other users than the one who mounts in.
	AllowOther bool
	// MetadataTTL is how long what S3 told about a name is believed; 1 s by
	// default, negative for not at all.
	MetadataTTL time.Duration
	// OnKill is what becomes of a file whose writer was killed by a signal.
	OnKill OnKill
	// Fsync is what fsync(2) does.
	Fsync Fsync
	// WriteBehind lets close(2) return before the file is published.
	WriteBehind bool
	// ContentType of every new object; by default it follows from the file's
	// extension.
	ContentType string
	// Preserve says which attributes that S3 does not have are kept in objects'
	// metadata.
	Preserve Preserve
	// ForeignAttributes looks for attributes on objects, too, of which a
	// listing says that this program gave them none.
	ForeignAttributes bool
	// QuietTime is how long nobody must set an attribute before those are
	// stored that came too late for their object; 2 s by default.
	QuietTime time.Duration
	// MetadataReserved is how many bytes of metadata the store adds to each
	// object.
	MetadataReserved int
	// RenameDirLimit is the greatest number of objects that renaming a
	// directory moves; with more it is EXDEV, upon which mv copies. 10,000 by
	// default.
	RenameDirLimit int
	// RequestMemory in bytes bounds the FUSE requests that are under way; 32
	// MiB by default.
	RequestMemory int
	// Debug logs every FUSE request.
	Debug bool
	// Log takes what no errno can carry; nothing by default.
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Prefix = strings.Trim(o.Prefix, "/"); o.Prefix != "" {
		o.Prefix += "/"
	}
	o.FileMode = cmp.Or(o.FileMode, 0o644)
	o.DirMode = cmp.Or(o.DirMode, 0o755)
	o.MetadataTTL = max(0, cmp.Or(o.MetadataTTL, time.Second))
	o.QuietTime = cmp.Or(o.QuietTime, 2*time.Second)
	o.RenameDirLimit = cmp.Or(o.RenameDirLimit, 10_000)
	o.RequestMemory = cmp.Or(o.RequestMemory, 32<<20)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	return o
}

// OnKill says what becomes of a file whose writer was killed by a signal.
type OnKill int

// What can become of it: it is published as any file system would, its upload
// is left uncompleted and named in the log, or it is aborted.
const (
	KillPublish OnKill = iota
	KillPark
	KillAbort
)

var onKillNames = []string{"publish", "park", "abort"}

// ParseOnKill reads what String prints.
func ParseOnKill(text string) (OnKill, error) {
	i, err := parseName(text, onKillNames)
	return OnKill(i), err
}

func (k OnKill) String() string { return onKillNames[k] }

// Fsync says what fsync(2) does.
type Fsync int

// What it can do: make the file durable and visible, or only send what it can.
const (
	FsyncPublish Fsync = iota
	FsyncUpload
)

var fsyncNames = []string{"publish", "upload"}

// ParseFsync reads what String prints.
func ParseFsync(text string) (Fsync, error) {
	i, err := parseName(text, fsyncNames)
	return Fsync(i), err
}

func (f Fsync) String() string { return fsyncNames[f] }

func parseName(text string, names []string) (int, error) {
	if i := slices.Index(names, text); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("%q: use one of %s", text, strings.Join(names, ", "))
}

// Preserve says which attributes are kept in S3 that it has none of its own for.
type Preserve int

// What can be kept: modes, owners, times and links; times; nothing.
const (
	PreserveAll Preserve = iota
	PreserveTimes
	PreserveNone
)

var preserveNames = []string{"all", "times", "none"}

// ParsePreserve reads what String prints.
func ParsePreserve(text string) (Preserve, error) {
	i, err := parseName(text, preserveNames)
	return Preserve(i), err
}

func (p Preserve) String() string { return preserveNames[p] }
