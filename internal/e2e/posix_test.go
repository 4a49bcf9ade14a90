package e2e

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/posixtest"
)

// notOfS3 are go-fuse's tests of what objects cannot be, with what a program is
// told that asks for it.
var notOfS3 = map[string]struct {
	ask  func(m *mount) error
	want syscall.Errno
}{
	"Link":             {func(m *mount) error { return os.Link(m.path("file"), m.path("link")) }, syscall.ENOTSUP},
	"LinkUnlinkRename": {func(m *mount) error { return os.Link(m.path("file"), m.path("link")) }, syscall.ENOTSUP},
}

// TestPosix runs go-fuse's tests of POSIX. It is not parallel to others because
// some of them count this process's descriptors.
func TestPosix(t *testing.T) {
	for name, test := range posixtest.All {
		t.Run(name, func(t *testing.T) {
			m := mountBucket(t, all.versitygw(t))
			no, cannot := notOfS3[name]
			if !cannot {
				test(t, m.dir)
				return
			}
			m.put("file", nil)
			if err := no.ask(m); !errors.Is(err, no.want) {
				t.Errorf("%v, want %v", err, no.want)
			}
		})
	}
}
