package fs

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
)

// Mount is a tree that is mounted on a directory.
type Mount struct {
	Dir    string // absolute
	server *fuse.Server
}

// maxRequest is the largest WRITE and READ in bytes. Kernels since 6.13 would
// take more.
const maxRequest = 1 << 20

// Mount mounts the tree on a directory and serves it. When it returns without
// an error the mount answers.
func (t *Tree) Mount(dir string) (*Mount, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	ttl := t.o.MetadataTTL
	server, err := gofuse.Mount(dir, t.root, &gofuse.Options{
		MountOptions: t.mountOptions(),
		EntryTimeout: &ttl, AttrTimeout: &ttl, NegativeTimeout: &ttl,
		NullPermissions: true,
	})
	if err != nil {
		return nil, fmt.Errorf("mount on %s: %w", dir, err)
	}
	return &Mount{Dir: dir, server: server}, nil
}

func (t *Tree) mountOptions() fuse.MountOptions {
	o := fuse.MountOptions{
		FsName:                  "s3mpfs:" + strings.TrimSuffix(t.o.Bucket+"/"+t.o.Prefix, "/"),
		Name:                    "s3mpfs",
		Options:                 []string{"default_permissions"},
		AllowOther:              t.o.AllowOther,
		DirectMount:             os.Geteuid() == 0,
		MaxWrite:                maxRequest,
		MaxInflightRequestBytes: t.o.RequestMemory,
		// Open gets O_TRUNC itself, and attributes come with names only as
		// long as somebody looks at them.
		ExtraCapabilities: fuse.CAP_ATOMIC_O_TRUNC | fuse.CAP_READDIRPLUS_AUTO | fuse.CAP_HANDLE_KILLPRIV_V2,
		// There are none, so nobody need ask.
		IgnoreSecurityLabels: true,
		PanicHandler:         t.recovered,
		Debug:                t.o.Debug,
		Logger:               slog.NewLogLogger(t.o.Log.Handler(), slog.LevelDebug),
	}
	if t.o.ReadOnly {
		o.Options = append(o.Options, "ro")
	}
	return o
}

// recovered answers a request in whose handler the program found itself wrong,
// and goes on serving the others.
func (t *Tree) recovered(problem any) fuse.Status {
	t.o.Log.Error("panic in a request", "problem", problem, "stack", string(debug.Stack()))
	return fuse.EIO
}

// Wait returns when the file system is unmounted, by whomever.
func (m *Mount) Wait() { m.server.Wait() }

// Unmount takes the file system from its directory. When it is in use it is
// detached all the same, and ends when nobody uses it any more; the result is
// then [ErrBusy].
func (m *Mount) Unmount() error {
	err := m.server.Unmount()
	if err == nil {
		return nil
	}
	if detach := unix.Unmount(m.Dir, unix.MNT_DETACH); detach != nil {
		return fmt.Errorf("unmount %s: %w", m.Dir, errors.Join(err, detach))
	}
	return fmt.Errorf("%w: %s", ErrBusy, m.Dir)
}

// ErrBusy says that programs still use the file system.
var ErrBusy = errors.New("the mount is in use and was only detached")
