// Package size reads and prints numbers of bytes the way people write them.
package size

import (
	"fmt"
	"math"
	"strings"

	"github.com/dustin/go-humanize"
)

// Size is a number of bytes. It is a flag value: `10MiB` and `64M` are read as
// go-humanize does, where MiB is 1024*1024 bytes, and M and MB are 1,000,000.
type Size int64

// Units of what S3 counts in.
const (
	MiB Size = 1 << 20
	GiB Size = 1 << 30
)

// Parse reads a size. The error tells what could have been written instead.
func Parse(text string) (Size, error) {
	n, err := humanize.ParseBytes(text)
	if err != nil || n > math.MaxInt64 {
		return 0, fmt.Errorf("%q is no size: write for example 10MiB, 64 MB or 1.5GiB", text)
	}
	return Size(n), nil
}

// String is the shortest text that Parse reads back as the same size.
func (s Size) String() string {
	for _, text := range []string{humanize.IBytes(uint64(s)), humanize.Bytes(uint64(s))} {
		text = strings.Replace(text, ".0 ", " ", 1)
		if back, err := Parse(text); err == nil && back == s {
			return text
		}
	}
	return fmt.Sprintf("%d B", int64(s))
}

// About is the size for the eye, rounded.
func (s Size) About() string { return humanize.IBytes(uint64(max(s, 0))) }

// Set reads a flag's value.
func (s *Size) Set(text string) (err error) {
	parsed, err := Parse(text)
	if err == nil {
		*s = parsed
	}
	return err
}

// Type is what --help calls the value.
func (s *Size) Type() string { return "size" }
