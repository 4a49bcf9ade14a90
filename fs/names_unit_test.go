package fs

import (
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	for _, name := range []string{"a", ".a", "...", "ä\n%+&", "\xff", strings.Repeat("x", 255)} {
		if reason := badName(name); reason != "" {
			t.Errorf("%q is refused: %s", name, reason)
		}
	}
	for _, name := range []string{"", ".", "..", "a\x00b", "a/b", strings.Repeat("x", 256)} {
		if badName(name) == "" {
			t.Errorf("%q is taken", name)
		}
	}
}

func TestSplit(t *testing.T) {
	for key, want := range map[string][2]string{
		"a": {"", "a"}, "a/": {"", "a"}, "a/b": {"a/", "b"}, "a/b/": {"a/", "b"}, "p/q/r": {"p/q/", "r"},
	} {
		if dirKey, name := split(key); dirKey != want[0] || name != want[1] {
			t.Errorf("%q is %q and %q", key, dirKey, name)
		}
	}
}

func TestAHiddenKeyIsToldOnce(t *testing.T) {
	var h hidden
	if !h.first("a") || h.first("a") || !h.first("b") {
		t.Error("not once for each key")
	}
}

func TestContentTypeTable(t *testing.T) {
	for ext, kind := range contentTypes {
		if !strings.HasPrefix(ext, ".") || ext != strings.ToLower(ext) || strings.Count(kind, "/") != 1 {
			t.Errorf("%q is %q", ext, kind)
		}
	}
	for key, want := range map[string]string{
		"x/a.MP4": "video/mp4", "a.tar.gz": "application/gzip", "a.parquet": "application/vnd.apache.parquet",
		"none": "application/octet-stream", ".mp4": "video/mp4", "a.unknown": "application/octet-stream",
	} {
		if got := contentTypeOf(key); got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
}

func TestModesByName(t *testing.T) {
	for _, k := range []OnKill{KillPublish, KillPark, KillAbort} {
		if got, err := ParseOnKill(k.String()); err != nil || got != k {
			t.Errorf("%v: %v, %v", k, got, err)
		}
	}
	for _, f := range []Fsync{FsyncPublish, FsyncUpload} {
		if got, err := ParseFsync(f.String()); err != nil || got != f {
			t.Errorf("%v: %v, %v", f, got, err)
		}
	}
	if _, err := ParseFsync("never"); err == nil || !strings.Contains(err.Error(), "publish, upload") {
		t.Errorf("an unknown word: %v", err)
	}
}
