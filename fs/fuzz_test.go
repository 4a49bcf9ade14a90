package fs

import (
	"strings"
	"testing"

	"github.com/s3mpfs/s3mpfs/writer"
)

// FuzzNames lists keys as a server may send them: each name that is shown is
// one that a directory can hold, is the name of exactly one entry, and leads
// back to its key and to no other.
func FuzzNames(f *testing.F) {
	f.Add("dir/", "a\na/b\n\n..\n.\na//b\nx\x00y\nä")
	f.Add("", "/\n//\n../x\na-b\na/")
	f.Fuzz(func(t *testing.T, dirKey, list string) {
		if dirKey != "" && !strings.HasSuffix(dirKey, "/") {
			dirKey += "/"
		}
		tree := &Tree{o: Options{}.withDefaults(), listings: map[string]*listing{}}
		l := tree.newListing(dirKey)
		objects, prefixes := listed(dirKey, strings.Split(list, "\n"))
		entries, rest := l.merge(nil, objects, prefixes, false)
		if len(rest) > 0 {
			t.Errorf("%v are left for a page that does not come", rest)
		}
		seen := map[string]bool{}
		for _, e := range entries {
			if reason := badName(e.name); reason != "" || e.name == "." || e.name == ".." || strings.Contains(e.name, "/") {
				t.Errorf("%q is shown: %s", e.name, reason)
			}
			if seen[e.name] {
				t.Errorf("%q is shown twice", e.name)
			}
			seen[e.name] = true
			key := dirKey + e.name
			if !e.dir && e.object.Key != key {
				t.Errorf("%q stands for %q", key, e.object.Key)
			}
			if parent, name := split(key); parent != dirKey || name != e.name {
				t.Errorf("%q is split into %q and %q", key, parent, name)
			}
		}
	})
}

// listed groups keys as S3 does with the delimiter "/".
func listed(dirKey string, names []string) (objects []writer.Object, prefixes []string) {
	seen := map[string]bool{}
	for _, name := range names {
		head, _, isPrefix := strings.Cut(name, "/")
		if isPrefix {
			head += "/"
		}
		switch key := dirKey + head; {
		case seen[key]:
		case isPrefix:
			prefixes = append(prefixes, key)
		default:
			objects = append(objects, writer.Object{Key: key, ETag: "e"})
		}
		seen[dirKey+head] = true
	}
	return objects, prefixes
}
