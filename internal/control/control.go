// Package control is how a command speaks with the process that serves a mount:
// HTTP over a unix socket that only the mount's owner may open.
//
//	GET  /status   one Status
//	POST /umount   a stream of Events, one JSON object a line, the last with
//	               the Outcome; the mount is gone when that line is sent
//	GET  /umount   the same, once somebody else ends the mount
//
// The socket's name follows from the mount point, so that a command finds it
// without asking anybody; see [Find].
package control

import "time"

// Mount is what a serving process answers from. All methods are safe for
// concurrent use.
type Mount interface {
	// Status tells what the mount is doing now. It never waits for S3.
	Status() Status
	// End begins to complete every file and to unmount, if that has not begun
	// yet. The channel is closed when it is over.
	End() <-chan struct{}
	// Ended is the channel that End gives; it begins nothing.
	Ended() <-chan struct{}
	// Outcome is what End came to; valid once its channel is closed.
	Outcome() Outcome
}

// Status is a snapshot of a mount.
type Status struct {
	Bucket      string    `json:"bucket"`
	Prefix      string    `json:"prefix,omitempty"`
	Mountpoint  string    `json:"mountpoint"`
	PID         int       `json:"pid"`
	Version     string    `json:"version"`
	Since       time.Time `json:"since"`
	MemoryUsed  int64     `json:"memory_used"`  // bytes
	MemoryLimit int64     `json:"memory_limit"` // bytes
	Concurrency int       `json:"concurrency"`  // requests with content there may be at present
	Ending      bool      `json:"ending,omitempty"`
	FilesFailed int       `json:"files_failed"`       // since the mount began: their bytes did not become an object
	Failures    []Failure `json:"failures,omitempty"` // of them, those of which no program was told
	S3          S3        `json:"s3"`
	Files       []File    `json:"files"` // being written
	Renames     []Rename  `json:"renames,omitempty"`
	// AttributesPending is how many files and folders have modes, owners, times
	// or extended attributes that S3 has yet to get.
	AttributesPending int `json:"attributes_pending"`
}

// Rename is one folder that is being renamed.
type Rename struct {
	From        string    `json:"from"`
	To          string    `json:"to"`
	Since       time.Time `json:"since"`
	Objects     int       `json:"objects"` // in the folder
	Copied      int       `json:"copied"`  // of them
	Deleted     int       `json:"deleted"` // at their old place
	Bytes       int64     `json:"bytes"`
	BytesCopied int64     `json:"bytes_copied"`
}

// S3 sums up the requests since the mount began.
type S3 struct {
	Requests      int64 `json:"requests"`
	Errors        int64 `json:"errors"`    // that did not say merely that there is no such object, or another
	Retries       int64 `json:"retries"`   // requests that repeated another
	Throttled     int64 `json:"throttled"` // answers that asked for fewer requests
	BytesSent     int64 `json:"bytes_sent"`
	BytesReceived int64 `json:"bytes_received"`
}

// File is one file that is being written.
type File struct {
	Path          string `json:"path"`
	Size          int64  `json:"size"`       // bytes
	BytesSent     int64  `json:"bytes_sent"` // acknowledged by S3, resent ones again
	BytesLeft     int64  `json:"bytes_left"` // still to be sent, of what is written so far
	State         string `json:"state"`
	UploadID      string `json:"upload_id,omitempty"`
	PartsSent     int    `json:"parts_sent"`
	PartsInFlight int    `json:"parts_in_flight"`
	PartsRetained int    `json:"parts_retained"`
	MemoryUsed    int64  `json:"memory_used"` // bytes
	Dirty         bool   `json:"dirty"`       // something is not in an object yet
	Error         string `json:"error,omitempty"`

	Since     time.Time `json:"since"` // seen being written, to the second
	Rate      int64     `json:"rate"`  // bytes sent per second, of late
	Retries   int       `json:"retries"`
	LastFault string    `json:"last_fault,omitempty"` // S3's, that was tried again
}

// Progress is what is left to be done before a mount may end.
type Progress struct {
	FilesLeft int   `json:"files_left"`
	BytesLeft int64 `json:"bytes_left"`
	// ObjectsLeft are those of folders that are being renamed.
	ObjectsLeft int `json:"objects_left,omitempty"`
	// AttributesLeft is Status.AttributesPending.
	AttributesLeft int `json:"attributes_left,omitempty"`
}

// Left sums up what is left to be done for the files of s.
func (s Status) Left() Progress {
	p := Progress{AttributesLeft: s.AttributesPending}
	for _, f := range s.Files {
		if f.Dirty {
			p.FilesLeft++
			p.BytesLeft += f.BytesLeft
		}
	}
	for _, r := range s.Renames {
		p.ObjectsLeft += r.Objects - r.Deleted
	}
	return p
}

// Failure is a file whose bytes did not become an object.
type Failure struct {
	Path  string `json:"path"`
	Error string `json:"error"`
}

// Outcome is how a mount ended.
type Outcome struct {
	// Failed is empty if and only if everything written is durable that no
	// program was told of.
	Failed []Failure `json:"failed"`
	// Told is how many files failed before, of which a program was told.
	Told int `json:"told,omitempty"`
	// Busy tells that programs still used the mount, which now fails for them.
	Busy bool `json:"busy,omitempty"`
	// UnmountError is why the mount point is still mounted, if it is.
	UnmountError string `json:"unmount_error,omitempty"`
}

// Event is one line of the answer to /umount: either of the two.
type Event struct {
	Progress *Progress `json:"progress,omitempty"`
	Outcome  *Outcome  `json:"outcome,omitempty"`
}
