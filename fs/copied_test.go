package fs_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/s3mpfs/s3mpfs/internal/s3fake"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// await waits until a request of an operation was made.
func (m *mounted) await(op string) {
	m.Helper()
	m.eventually("a request of "+op, func() bool {
		var counts s3fake.Counts
		m.call("Counts", None{}, &counts)
		return counts.Requests[op] > 0
	})
}

// The source of a copy within S3 stays under its key, and in the version that is
// copied, until the copy is made.
func TestTheSourceStaysWhileItIsCopied(t *testing.T) {
	for what, change := range map[string]func(m *mounted) error{
		"it is removed":  func(m *mounted) error { return os.Remove(m.path("a")) },
		"it is replaced": func(m *mounted) error { return os.Rename(m.path("other"), m.path("a")) },
		"it is renamed":  func(m *mounted) error { return os.Rename(m.path("a"), m.path("other")) },
		"its attributes are stored": func(m *mounted) error {
			f, err := os.Open(m.path("a"))
			if err != nil {
				return err
			}
			defer f.Close()
			return f.Sync()
		},
	} {
		t.Run(what, func(t *testing.T) {
			m := mount(t, settings{Options: long, Engine: small})
			const size, part = 1000, 900 // a copy of the whole is one request, of a part it is an upload
			m.set("a", letters(size))
			m.set("other", "other")
			m.sh(`touch -d @1000000000 a`)
			from, to := m.openFile("a", os.O_RDONLY), m.openFile("b", os.O_WRONLY|os.O_CREATE)
			m.call("Reset", None{}, &None{})
			m.call("Hold", s3op.UploadPartCopy, &None{})
			copied, changed := make(chan error, 1), make(chan error, 1)
			go func() {
				n, err := unix.CopyFileRange(int(from.Fd()), nil, int(to.Fd()), nil, part, 0)
				if err == nil && n != part {
					err = fmt.Errorf("%d bytes", n)
				}
				copied <- err
			}()
			m.await(s3op.UploadPartCopy)
			go func() { changed <- change(m) }()
			select {
			case err := <-changed:
				t.Errorf("%s while it is copied; %v", what, err)
				changed <- err
			case <-time.After(100 * time.Millisecond): // nobody tells that it waits
			}
			m.call("Let", None{}, &None{})
			for _, done := range []chan error{copied, changed} {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
			m.close(to)
			m.expect("b", letters(size)[:part])
		})
	}
}
