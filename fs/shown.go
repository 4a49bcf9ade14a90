package fs

import (
	"sync"
	"syscall"
)

// shown are the files that the kernel was given an inode for, the oldest first.
// The kernel keeps inodes for as long as it has memory, and this process keeps
// what stands for each; so that ls -l of a very long directory, or making very
// many files, costs no more memory than a few, the kernel is asked to forget
// the oldest.
type shown struct {
	mu       sync.Mutex // guards what follows; not held across a notification
	files    []*file
	dropping bool
}

// maxShown is how many files are left to the kernel's own judgement, at about a
// kilobyte each. A quarter of them is forgotten at once. Tests change it.
var maxShown = 64 << 10

// show notes that the kernel is given an inode for a file.
func (t *Tree) show(f *file) {
	s := &t.shown
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files = append(s.files, f)
	if len(s.files) > maxShown && !s.dropping {
		s.dropping = true
		go t.dropShown()
	}
}

// dropShown asks the kernel to forget files. It must not be waited for by who
// answers a request, which may hold the lock of the directory in the kernel;
// the end of the mount ends it.
func (t *Tree) dropShown() {
	for {
		files := t.shown.oldest()
		if files == nil || t.ctx.Err() != nil {
			return
		}
		for _, f := range files {
			if name, parent := f.Parent(); parent != nil && f.idle() && parent.NotifyEntry(name) == syscall.ENODEV {
				return
			}
		}
	}
}

// oldest takes out what is to be forgotten, nothing if that is enough.
func (s *shown) oldest() []*file {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.files) <= maxShown {
		s.dropping = false
		return nil
	}
	n := len(s.files) - maxShown*3/4
	files := s.files[:n:n]
	s.files = append(make([]*file, 0, maxShown), s.files[n:]...)
	return files
}

// idle tells whether nothing but the name stands for the file.
func (f *file) idle() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.content == nil && len(f.handles) == 0 && !f.pending
}
