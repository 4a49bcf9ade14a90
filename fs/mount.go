package fs

import (
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strings"

	"github.com/hanwen/go-fuse/v2/fuse"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
)

// Mount is a tree that is mounted on a directory.
type Mount struct {
	server *fuse.Server
	ended  chan struct{} // closed when it no longer serves
}

// maxRequest is the largest WRITE and READ in bytes. Kernels since 6.13 would
// take more.
const maxRequest = 1 << 20

// Mount mounts the tree on a directory and serves it. When it returns without
// an error, whoever uses the mount gets an answer.
//
// It does not wait for the mount as go-fuse's own function does, by opening a
// file in it: a process that is killed while it waits for itself can never end.
func (t *Tree) Mount(dir string) (*Mount, error) {
	ttl := t.o.MetadataTTL
	options := gofuse.Options{
		MountOptions: t.mountOptions(),
		EntryTimeout: &ttl, AttrTimeout: &ttl, NegativeTimeout: &ttl,
		NullPermissions: true,
		// Inode numbers of two mounts differ, so that a descriptor of one is
		// not taken for one of the other.
		FirstAutomaticIno: 1<<63 + uint64(rand.Uint32())<<31,
	}
	server, err := fuse.NewServer(gofuse.NewNodeFS(t.root, &options), dir, &options.MountOptions)
	if err != nil {
		return nil, err
	}
	if err := readAhead(dir); err != nil {
		t.o.Log.Debug("the kernel reads ahead as little as it likes", "error", err)
	}
	m := &Mount{server: server, ended: make(chan struct{})}
	go func() {
		defer close(m.ended)
		server.Serve()
		server.Wait()
	}()
	return m, nil
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
		// What is read lies in memory, never in a file to splice from.
		DisableSplice: true,
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
func (m *Mount) Wait() { <-m.ended }
