// Package s3keys lists keys as S3 does. The test servers share it.
package s3keys

import (
	"slices"
	"strings"
)

// MaxPage is the greatest number of entries that S3 gives in one answer.
const MaxPage = 1000

// Set is the keys of a bucket. The zero Set is empty. It is not safe for
// concurrent use.
type Set struct {
	keys   map[string]struct{}
	sorted []string // made anew when it is wanted after a key came or went
	stale  bool
}

// Add puts a key in.
func (s *Set) Add(key string) {
	if _, ok := s.keys[key]; ok {
		return
	}
	if s.keys == nil {
		s.keys = map[string]struct{}{}
	}
	s.keys[key] = struct{}{}
	s.stale = true
}

// Remove takes a key out.
func (s *Set) Remove(key string) {
	if _, ok := s.keys[key]; ok {
		delete(s.keys, key)
		s.stale = true
	}
}

// Sorted gives all keys in the order of their bytes. They belong to the set.
func (s *Set) Sorted() []string {
	if s.stale {
		s.sorted = s.sorted[:0]
		for key := range s.keys {
			s.sorted = append(s.sorted, key)
		}
		slices.Sort(s.sorted)
		s.stale = false
	}
	return s.sorted
}

// Page gives up to limit keys and common prefixes under prefix, from the key
// first on. next is the first key of the page behind it, empty at the end.
func (s *Set) Page(prefix, delimiter, first string, limit int) (keys, prefixes []string, next string) {
	all := s.Sorted()
	i, _ := slices.BinarySearch(all, max(first, prefix))
	for i < len(all) && strings.HasPrefix(all[i], prefix) {
		if len(keys)+len(prefixes) == limit {
			return keys, prefixes, all[i]
		}
		if common, ok := commonPrefix(all[i], prefix, delimiter); ok {
			prefixes = append(prefixes, common)
			i += count(all[i:], common)
			continue
		}
		keys = append(keys, all[i])
		i++
	}
	return keys, prefixes, ""
}

// commonPrefix is key up to the first delimiter behind prefix.
func commonPrefix(key, prefix, delimiter string) (string, bool) {
	if delimiter == "" {
		return "", false
	}
	head, _, found := strings.Cut(key[len(prefix):], delimiter)
	return prefix + head + delimiter, found
}

// count tells how many keys, from the first on, begin with prefix.
func count(keys []string, prefix string) int {
	n, _ := slices.BinarySearchFunc(keys, prefix, func(key, prefix string) int {
		if strings.HasPrefix(key, prefix) {
			return -1
		}
		return 1
	})
	return n
}
