package s3keys

import (
	"slices"
	"testing"
)

func TestPage(t *testing.T) {
	var s Set
	for _, key := range []string{"c/z", "a/2", "b", "a/1", "a/sub/x", "a.txt", "a/sub/y", "gone", "b"} {
		s.Add(key)
	}
	s.Remove("gone")
	s.Remove("never there")
	for _, c := range []struct {
		prefix, delimiter, first string
		limit                    int
		keys, prefixes           []string
		next                     string
	}{
		{"", "", "", 10, []string{"a.txt", "a/1", "a/2", "a/sub/x", "a/sub/y", "b", "c/z"}, nil, ""},
		{"", "/", "", 10, []string{"a.txt", "b"}, []string{"a/", "c/"}, ""},
		{"", "/", "", 2, []string{"a.txt"}, []string{"a/"}, "b"},
		{"", "/", "b", 2, []string{"b"}, []string{"c/"}, ""},
		{"a/", "/", "", 3, []string{"a/1", "a/2"}, []string{"a/sub/"}, ""},
		{"a/", "", "a/2", 1, []string{"a/2"}, nil, "a/sub/x"},
		{"a", "sub", "", 10, []string{"a.txt", "a/1", "a/2"}, []string{"a/sub"}, ""},
		{"x", "/", "", 10, nil, nil, ""},
	} {
		keys, prefixes, next := s.Page(c.prefix, c.delimiter, c.first, c.limit)
		if !slices.Equal(keys, c.keys) || !slices.Equal(prefixes, c.prefixes) || next != c.next {
			t.Errorf("%+v: got %q, %q, %q", c, keys, prefixes, next)
		}
	}
}
