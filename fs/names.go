package fs

import (
	"strings"
	"sync"
)

// Limits of names. S3's own limit is on the key.
const (
	maxName = 255  // bytes, Linux's NAME_MAX
	maxKey  = 1024 // bytes, "Creating object key names" in S3's user guide
)

// badName tells why text cannot be the name of a file or directory, or nothing
// if it can. A key of which a component cannot be a name is left out of the
// tree; when a key and a prefix have the same name, the prefix (a directory)
// hides the key. Either is logged once.
func badName(text string) (reason string) {
	switch {
	case text == "":
		return "an empty name between slashes"
	case text == "." || text == "..":
		return "a name that means a directory to every program"
	case len(text) > maxName:
		return "a name of more than 255 bytes"
	case strings.ContainsAny(text, "\x00/"):
		return "a name with a NUL byte"
	}
	return ""
}

// hidden is the set of keys that were logged as not shown.
type hidden struct {
	mu   sync.Mutex // guards seen; not held across I/O
	seen map[string]struct{}
}

// maxHidden bounds the memory for keys that were logged. Later ones are not
// logged, so that a bucket full of them does not flood the log.
const maxHidden = 10_000

// first tells whether key was not seen before.
func (h *hidden) first(key string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.seen[key]; ok || len(h.seen) >= maxHidden {
		return false
	}
	if h.seen == nil {
		h.seen = map[string]struct{}{}
	}
	h.seen[key] = struct{}{}
	return true
}

// split gives the key of the directory that holds key, and the name in it. A
// directory's key ends with a slash.
func split(key string) (dirKey, name string) {
	i := strings.LastIndexByte(strings.TrimSuffix(key, "/"), '/') + 1
	return key[:i], strings.TrimSuffix(key[i:], "/")
}
