package storetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/s3mpfs/s3mpfs/writer"
)

var listRules = []rule{
	{"an empty bucket", listEmpty},
	{"one directory", listDirectory},
	{"everything below", listBelow},
	{"pages of every size", listPages},
	{"describes objects", listDescribes},
	{"tells who has metadata", listTellsMetadata},
	{"odd keys", listOddKeys},
}

// listAll follows a listing to its end and verifies that no page is longer
// than limit, and none but the last empty.
func (t *suite) listAll(prefix, delimiter string, limit int32) (objects []writer.Object, prefixes []string) {
	t.Helper()
	token := ""
	for {
		o, p, next, err := t.s.List(t.Context(), prefix, delimiter, token, limit)
		if err != nil {
			t.Fatalf("list %q: %v", prefix, err)
		}
		if n := len(o) + len(p); n > int(limit) || n == 0 && next != "" {
			t.Fatalf("a page of %d entries, at most %d asked for", n, limit)
		}
		objects, prefixes = append(objects, o...), append(prefixes, p...)
		if token = next; token == "" {
			return objects, prefixes
		}
	}
}

// lists verifies what a listing gives, in order.
func (t *suite) lists(prefix, delimiter string, limit int32, wantKeys, wantPrefixes []string) {
	t.Helper()
	objects, prefixes := t.listAll(prefix, delimiter, limit)
	var keys []string
	for _, o := range objects {
		keys = append(keys, o.Key)
	}
	if !slices.Equal(keys, wantKeys) || !slices.Equal(prefixes, wantPrefixes) {
		t.Errorf("list of %q by %q, %d a page:\n objects %q\nprefixes %q\nwant\n objects %q\nprefixes %q",
			prefix, delimiter, limit, keys, prefixes, wantKeys, wantPrefixes)
	}
}

func listEmpty(t *suite) {
	t.lists("", "/", 10, nil, nil)
	t.lists("", "", 10, nil, nil)
	t.lists("none/", "/", 10, nil, nil)
}

func (t *suite) tree() {
	for _, key := range []string{"b", "a/2", "a/1", "a/sub/x", "a/sub/y", "a.txt", "c/z", "ab", "a/sub2/w"} {
		t.put(key, []byte(key))
	}
}

func listDirectory(t *suite) {
	t.tree()
	t.lists("", "/", 1000, []string{"a.txt", "ab", "b"}, []string{"a/", "c/"})
	t.lists("a/", "/", 1000, []string{"a/1", "a/2"}, []string{"a/sub/", "a/sub2/"})
	t.lists("a/sub/", "/", 1000, []string{"a/sub/x", "a/sub/y"}, nil)
	t.lists("a/s", "/", 1000, nil, []string{"a/sub/", "a/sub2/"})
}

func listBelow(t *suite) {
	t.tree()
	t.lists("", "", 1000, []string{"a.txt", "a/1", "a/2", "a/sub/x", "a/sub/y", "a/sub2/w", "ab", "b", "c/z"}, nil)
	t.lists("a/sub", "", 1000, []string{"a/sub/x", "a/sub/y", "a/sub2/w"}, nil)
}

func listPages(t *suite) {
	var keys, dirs []string
	for i := range 9 {
		keys = append(keys, fmt.Sprintf("d/k%d", i))
		dirs = append(dirs, fmt.Sprintf("d/p%d/", i))
		t.put(keys[i], nil)
		t.put(dirs[i]+"x", nil)
		t.put(dirs[i]+"y", nil)
	}
	for _, limit := range []int32{1, 2, 3, 8, 9, 10, 17, 18, 19, 1000} {
		t.lists("d/", "/", limit, keys, dirs)
	}
	t.lists("d/k", "", 4, keys, nil)
}

func listDescribes(t *suite) {
	t.put("k", pattern(1, 123))
	want := t.head("k")
	objects, _ := t.listAll("", "/", 1000)
	if len(objects) != 1 {
		t.Fatalf("%d objects", len(objects))
	}
	got := objects[0]
	if got.Size != 123 || got.ETag != want.ETag || got.LastModified.Sub(want.LastModified).Abs() > 1e9 {
		t.Errorf("listed as %+v, want %+v", got, want)
	}
}

func listTellsMetadata(t *suite) {
	t.put("a", pattern(1, 10))
	t.listAll("", "/", 1) // so that it is known what a listing tells
	t.put("plain", pattern(1, 10))
	src := t.putWith("put", pattern(2, 10), someAttributes)
	if _, err := t.copy(src, "copied without", writer.Attributes{}, writer.Condition{}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"copied", "itself"} {
		if _, err := t.copy(t.put("itself", pattern(3, 10)), key, someAttributes, writer.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	want := slices.Concat(pattern(4, minPart), pattern(5, 1000))
	u := t.createWith("uploaded", someAttributes)
	parts := []writer.Part{t.part(u, 1, pattern(4, minPart)), t.part(u, 2, pattern(5, 1000))}
	t.finish(u, parts, want)
	objects, _ := t.listAll("", "/", 1000)
	for _, o := range objects {
		plain := !t.Silent && (o.Key == "a" || o.Key == "plain" || o.Key == "copied without")
		if now := t.head(o.Key); o.Plain != plain || now.Plain != plain {
			t.Errorf("%q is listed as plain: %v, HEAD %v, want %v", o.Key, o.Plain, now.Plain, plain)
		}
	}
}

// oddKeys are keys that the server can hold although other names are easier.
func (t *suite) oddKeys() []string {
	return slices.DeleteFunc([]string{
		"a b", " leading", "trailing ", "ü/ñ/日本語/🎬", "new\nline", "tab\tkey", "return\r", "control\x01", "100%", "%2F", "a+b", "a&b=c", "a;b",
		"q?x", "h#y", "quote\"'", "back\\slash", "<xml>&amp;", "*", "~tilde", ".hidden", "colon:", "a=b", "$", "@", ",", "[x]", "{y}", "^", "|",
		"a//b", "/leading", "..", "../up", ".", "a/./b", "a/../c",
		strings.Repeat(strings.Repeat("d", 127)+"/", 7) + strings.Repeat("f", 128), // 1,024 bytes
	}, func(key string) bool { return slices.Contains(t.RefusedKeys, key) })
}

func listOddKeys(t *suite) {
	keys := t.oddKeys()
	for i, key := range keys {
		p := pattern(uint64(i), i+1)
		t.holds(t.put(key, p), p)
	}
	slices.Sort(keys)
	t.lists("", "", 1000, keys, nil)
	t.lists("", "", 3, keys, nil)
	for _, key := range keys {
		if err := t.s.DeleteObject(t.Context(), key); err != nil {
			t.Errorf("delete %q: %v", key, err)
		}
	}
	t.lists("", "", 1000, nil, nil)
}
