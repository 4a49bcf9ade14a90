package fs

import (
	"context"
	"syscall"

	"github.com/s3mpfs/s3mpfs/writer"
)

// flushed is what is to be known of a FLUSH.
type flushed struct {
	thread uint32 // that closes the descriptor, 0 if it cannot be seen
	opener int    // thread group that opened the file
	wrote  func(group int) bool
	bytes  bool   // the file is not empty
	ino    uint64 // of the file
}

// verdict is what a FLUSH does to a file that has something to publish.
type verdict int

const (
	leave verdict = iota // to the next FLUSH or to RELEASE
	publish
	park
	abort
)

// onFlush is the rule for FLUSH, which the kernel sends for each close of a
// descriptor: before the first write (dd and touch duplicate theirs), and from
// processes that only inherited it.
//
// A file with bytes is published when the process that closes opened it or
// wrote through this handle. So "cmd > f", "(a; b) > f", a child that exits
// without writing and a daemon whose opener exits all do the right thing, and
// close(2) tells the truth to whoever could act on it. Where the process cannot
// be seen, as in another PID namespace, publishing is the safe side.
//
// An empty file is published only when the process that opened it closes it and
// neither it nor any of its descendants has another descriptor of it. So
// "touch f" makes the object, while "cmd > f", of which the shell closes its
// first descriptor before cmd starts, does not put an empty object before the
// real one. Where that cannot be seen, RELEASE will do it.
//
// A process that is dying of a signal publishes, parks or aborts what it would
// have published, as Options.OnKill says.
func (t *Tree) onFlush(f flushed) verdict {
	group := t.processes.group(f.thread)
	if f.bytes {
		if group != 0 && group != f.opener && !f.wrote(group) {
			return leave
		}
	} else if group == 0 || group != f.opener || t.processes.holds(group, f.ino) {
		return leave
	}
	if t.o.OnKill != KillPublish && t.processes.killed(f.thread) {
		return map[OnKill]verdict{KillPark: park, KillAbort: abort}[t.o.OnKill]
	}
	return publish
}

// Flush is close(2) of one descriptor.
func (h *handle) Flush(ctx context.Context) syscall.Errno {
	f := h.file
	h.flush(true)
	if !h.writes {
		return 0
	}
	f.io.RLock()
	defer f.io.RUnlock()
	if err := h.failure(); err != nil {
		return errnoOf(err)
	}
	c := f.current()
	if c == nil || f.isUnlinked() {
		return 0
	}
	if err := c.Err(); err != nil {
		return f.fail("close", err)
	}
	if !c.Dirty() {
		return 0
	}
	return f.fail("close", h.settle(ctx, c))
}

func (h *handle) settle(ctx context.Context, c *writer.File) error {
	f := h.file
	switch f.tree.onFlush(flushed{
		thread: caller(ctx), opener: h.opener, wrote: h.wrote,
		bytes: c.Size() > 0, ino: f.StableAttr().Ino,
	}) {
	case publish:
		if f.tree.o.WriteBehind {
			return nil // RELEASE will
		}
		return f.publish()
	case park:
		return c.Park()
	case abort:
		f.tree.o.Log.Warn("the writer was killed, its upload is aborted", "path", f.tree.path(f.currentKey()))
		return c.Discard()
	}
	return nil
}

// note remembers that a thread wrote. It asks /proc once for each thread.
func (h *handle) note(thread uint32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.groups[thread]; !ok {
		h.groups[thread] = h.file.tree.processes.group(thread)
	}
}

// wrote tells whether a thread group wrote through this handle.
func (h *handle) wrote(group int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.groups {
		if g == group {
			return true
		}
	}
	return false
}
