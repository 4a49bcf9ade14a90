package main

import (
	"bytes"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/control"
)

// TestProgressLine: a terminal sees one line, overwritten and erased at the
// end; a file or a pipe sees none.
func TestProgressLine(t *testing.T) {
	var out bytes.Buffer
	line := progressLine{&out, true}
	line.show(control.Progress{FilesLeft: 2, BytesLeft: 5 * mib})
	line.show(control.Progress{FilesLeft: 1, ObjectsLeft: 3000, AttributesLeft: 1})
	line.show(control.Progress{})
	line.clear()
	const erased = "\r\x1b[K"
	if want := erased + "2 files to complete, 5.0 MiB to send" +
		erased + "1 file to complete, 0 B to send, 3,000 objects to rename, attributes of 1 name to store" + erased + "unmounting" + erased; out.String() != want {
		t.Errorf("%q, want %q", &out, want)
	}
	var pipe bytes.Buffer
	quiet := newProgressLine(&pipe)
	quiet.show(control.Progress{FilesLeft: 1})
	quiet.clear()
	if pipe.Len() > 0 {
		t.Errorf("a pipe got %q", &pipe)
	}
}
