package writer_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain makes the model tests long where S3MPFS_LONG is set (scripts/test
// --long): millions of steps each. A failure prints the seed that repeats it.
func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv("S3MPFS_LONG") != "" {
		if err := flag.Set("rapid.checks", "100000"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
