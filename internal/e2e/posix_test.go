package e2e

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/posixtest"
)

// refused are go-fuse's tests of what objects cannot be, with what a program
// that asks for it is told.
var refused = map[string]struct {
	ask  func(m *mount) error
	want syscall.Errno
}{
	"Link":             {(*mount).link, syscall.EPERM},
	"LinkUnlinkRename": {(*mount).link, syscall.EPERM},
	"XAttrLarge":       {(*mount).setxattr, syscall.ENOSPC}, // S3 holds 2 KiB
}

// wrong is a test that no file system passes, and that go-fuse does not run
// itself: locks of one process do not exclude each other.
const wrong = "FcntlFlockLocksFile"

func (m *mount) link() error { return os.Link(m.path("file"), m.path("link")) }
func (m *mount) setxattr() error {
	return syscall.Setxattr(m.path("file"), "user.x", random(1, 4096), 0)
}

// TestPosix runs go-fuse's tests of POSIX. It is not parallel to others because
// some of them count this process's descriptors.
func TestPosix(t *testing.T) {
	for name, test := range posixtest.All {
		if name == wrong {
			continue
		}
		t.Run(name, func(t *testing.T) {
			m := mountBucket(t, all.versitygw(t))
			r, refused := refused[name]
			if !refused {
				test(t, m.dir)
				return
			}
			m.put("file", nil)
			if err := r.ask(m); !errors.Is(err, r.want) {
				t.Errorf("%v, want %v", err, r.want)
			}
		})
	}
}
