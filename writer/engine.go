package writer

import (
	"log/slog"
)

// Options of an engine. The zero value of a field means its default.
type Options struct {
	// PartSize in bytes of the first parts of a file; 10 MiB by default.
	PartSize int64
	// UniformParts keeps every part of an upload but the last at PartSize, for
	// stores that demand it (Cloudflare R2). A file is then at most
	// Limits.MaxParts times PartSize.
	UniformParts bool
	// Memory in bytes for everything that is held of file content; 512 MiB by
	// default, at least four times PartSize.
	Memory int64
	// Concurrency is the greatest number of requests that carry content at
	// the same time; 32 by default.
	Concurrency int
	// Checksum that every part and object carries. Default: CRC64NVME; set
	// NoChecksum for none.
	Checksum   Algorithm
	NoChecksum bool
	// Atomic forbids to publish a file before it is closed.
	Atomic bool
	// MaxHole in bytes: how far beyond its end a file may be written or
	// truncated; the bytes between are sent as zeros. 1 GiB by default.
	MaxHole int64
	// Limits of the store; Amazon's by default.
	Limits Limits
	// Log takes what no return value can carry; nothing by default.
	Log *slog.Logger
}

// FileOptions describe one file.
type FileOptions struct {
	// Attributes the object gets. They may be changed until the upload starts.
	Attributes Attributes
	// Exclusive: complete only if no object of that key exists
	// (If-None-Match: *), else ErrExists.
	Exclusive bool
}

// Status is a snapshot of one file for people.
type Status struct {
	Key           string
	Size          int64 // bytes
	UploadID      string
	State         string
	PartsSent     int
	PartsInFlight int
	PartsRetained int
	BytesSent     int64 // bytes that S3 has acknowledged, resent ones again
	MemoryUsed    int64 // bytes of the budget
	Err           error // latched
}
