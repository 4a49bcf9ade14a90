package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// joint is the file system. A name is what was created under it, or, where it
// ends in .SIZE, an object of that many bytes which exists in the bucket.
type joint struct {
	fuse.RawFileSystem
	client *client
	parts  *parts

	mu    sync.Mutex // guards what follows
	nodes []*node    // by node ID
	names map[name]uint64
}

type name struct {
	parent uint64
	name   string
}

// node is a file or a folder.
type node struct {
	mode  uint32
	key   string // of a folder with its slash
	size  uint64
	write *upload
	read  *window
}

// maxRequest is the largest READ and WRITE in bytes.
const maxRequest = 1 << 20

// mount serves the joint until it is unmounted.
func mount(c *client, folder string) error {
	j := &joint{
		RawFileSystem: fuse.NewDefaultRawFileSystem(), client: c, parts: newParts(c),
		nodes: []*node{nil, {mode: syscall.S_IFDIR | 0o755}}, names: map[name]uint64{},
	}
	server, err := fuse.NewServer(j, folder, &fuse.MountOptions{
		FsName: "floor", Name: "floor", MaxWrite: maxRequest, DirectMount: true, DisableXAttrs: true, DisableSplice: true,
	})
	if err != nil {
		return err
	}
	readAhead(folder)
	server.Serve()
	return nil
}

// readAhead has the kernel ask for a whole request ahead, as the mount does where
// it may; elsewhere neither can.
func readAhead(folder string) {
	var st unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, folder, unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE, &st) == nil {
		name := fmt.Sprintf("/sys/class/bdi/%d:%d/read_ahead_kb", st.Dev_major, st.Dev_minor)
		_ = os.WriteFile(name, fmt.Appendln(nil, maxRequest>>10), 0)
	}
}

func (j *joint) node(id uint64) *node {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.nodes[id]
}

// add makes a node of a new name.
func (j *joint) add(parent uint64, text string, mode uint32, out *fuse.EntryOut) *node {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := &node{mode: mode, key: j.nodes[parent].key + text}
	if mode&syscall.S_IFDIR != 0 {
		n.key += "/"
	}
	id := uint64(len(j.nodes))
	j.nodes = append(j.nodes, n)
	j.names[name{parent, text}] = id
	j.entry(id, out)
	return n
}

func (j *joint) entry(id uint64, out *fuse.EntryOut) {
	out.NodeId, out.Generation = id, 1
	out.SetEntryTimeout(1e9)
	out.SetAttrTimeout(1e9)
	j.nodes[id].fill(id, &out.Attr)
}

func (n *node) fill(id uint64, out *fuse.Attr) {
	out.Ino, out.Mode, out.Size, out.Nlink, out.Blksize = id, n.mode, n.size, 1, maxRequest
}

func (j *joint) Lookup(_ <-chan struct{}, header *fuse.InHeader, text string, out *fuse.EntryOut) fuse.Status {
	j.mu.Lock()
	id, ok := j.names[name{header.NodeId, text}]
	if ok {
		j.entry(id, out)
	}
	j.mu.Unlock()
	if ok {
		return fuse.OK
	}
	_, digits, _ := strings.Cut(text, ".")
	size, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return fuse.ENOENT
	}
	j.add(header.NodeId, text, syscall.S_IFREG|0o644, out).size = size
	out.Size = size
	return fuse.OK
}

func (j *joint) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	j.mu.Lock()
	defer j.mu.Unlock()
	out.SetTimeout(1e9)
	j.nodes[in.NodeId].fill(in.NodeId, &out.Attr)
	return fuse.OK
}

func (j *joint) SetAttr(cancel <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	return j.GetAttr(cancel, &fuse.GetAttrIn{InHeader: in.InHeader}, out)
}

func (j *joint) StatFs(<-chan struct{}, *fuse.InHeader, *fuse.StatfsOut) fuse.Status { return fuse.OK }

func (j *joint) Access(<-chan struct{}, *fuse.AccessIn) fuse.Status { return fuse.OK }

func (j *joint) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, text string, out *fuse.EntryOut) fuse.Status {
	j.add(in.NodeId, text, syscall.S_IFDIR|0o755, out)
	return fuse.OK
}

func (j *joint) Create(_ <-chan struct{}, in *fuse.CreateIn, text string, out *fuse.CreateOut) fuse.Status {
	n := j.add(in.NodeId, text, syscall.S_IFREG|0o644, &out.EntryOut)
	n.write = &upload{client: j.client, parts: j.parts, key: n.key}
	out.OpenFlags = fuse.FOPEN_DIRECT_IO
	return fuse.OK
}

func (j *joint) Open(_ <-chan struct{}, in *fuse.OpenIn, _ *fuse.OpenOut) fuse.Status {
	n := j.node(in.NodeId)
	n.read = newWindow(j.client, n.key, int64(n.size))
	return fuse.OK
}

func (j *joint) Write(_ <-chan struct{}, in *fuse.WriteIn, p []byte) (uint32, fuse.Status) {
	j.node(in.NodeId).write.take(p)
	return uint32(len(p)), fuse.OK
}

func (j *joint) Read(_ <-chan struct{}, in *fuse.ReadIn, p []byte) (fuse.ReadResult, fuse.Status) {
	return j.node(in.NodeId).read.read(int64(in.Offset), int64(len(p))), fuse.OK
}

func (j *joint) Flush(_ <-chan struct{}, in *fuse.FlushIn) fuse.Status {
	if w := j.node(in.NodeId).write; w != nil {
		w.finish()
	}
	return fuse.OK
}

func (j *joint) Release(_ <-chan struct{}, in *fuse.ReleaseIn) {
	n := j.node(in.NodeId)
	n.write, n.read = nil, nil
}
