package s3fake

import (
	"context"
	"slices"
	"strings"

	"github.com/s3mpfs/s3mpfs/internal/s3op"
	"github.com/s3mpfs/s3mpfs/writer"
)

// keyList is the keys in order, made anew when it is wanted after a key came
// or went.
type keyList struct {
	sorted []string
	stale  bool
}

// maxPage is the greatest number of entries that S3 gives in one answer.
const maxPage = 1000

// page is one answer of a listing.
type page struct {
	objects  []writer.Object
	prefixes []string
	next     string
}

// List implements fs.Bucket.
func (s *Store) List(ctx context.Context, prefix, delimiter, token string, limit int32) ([]writer.Object, []string, string, error) {
	p, err := do(ctx, s, s3op.ListObjectsV2, prefix, 0, func() (page, error) {
		if limit <= 0 || limit > maxPage {
			limit = maxPage
		}
		after, ok := strings.CutPrefix(token, tokenMark)
		if token != "" && !ok {
			return page{}, invalidToken
		}
		return s.list(prefix, delimiter, after, int(limit)), nil
	})
	return p.objects, p.prefixes, p.next, err
}

// tokenMark precedes the first key of the next page in a token, which so is
// never mistaken for a key.
const tokenMark = "token:"

// list gives a page of what is under prefix, from the key first on.
func (s *Store) list(prefix, delimiter, first string, limit int) (p page) {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := s.sortedKeys()
	i, _ := slices.BinarySearch(keys, max(first, prefix))
	for i < len(keys) && strings.HasPrefix(keys[i], prefix) {
		if len(p.objects)+len(p.prefixes) == limit {
			p.next = tokenMark + keys[i]
			return p
		}
		if common, ok := commonPrefix(keys[i], prefix, delimiter); ok {
			p.prefixes = append(p.prefixes, common)
			i += skip(keys[i:], common)
			continue
		}
		p.objects = append(p.objects, s.objects[keys[i]].listed())
		i++
	}
	return p
}

// commonPrefix is key up to the first delimiter after prefix.
func commonPrefix(key, prefix, delimiter string) (string, bool) {
	if delimiter == "" {
		return "", false
	}
	head, _, found := strings.Cut(key[len(prefix):], delimiter)
	return prefix + head + delimiter, found
}

// skip tells how many keys, from the first on, begin with prefix.
func skip(keys []string, prefix string) int {
	n, _ := slices.BinarySearchFunc(keys, prefix, func(key, prefix string) int {
		if strings.HasPrefix(key, prefix) {
			return -1
		}
		return 1
	})
	return n
}

// listed describes an object as a listing does, which knows neither its
// attributes nor its checksum.
func (o *object) listed() writer.Object {
	d := o.Object
	d.Attributes = writer.Attributes{}
	d.Checksum = writer.Checksum{}
	return d
}

// sortedKeys gives all keys in order. s.mu is held.
func (s *Store) sortedKeys() []string {
	if s.keys.stale {
		s.keys.sorted = s.keys.sorted[:0]
		for key := range s.objects {
			s.keys.sorted = append(s.keys.sorted, key)
		}
		slices.Sort(s.keys.sorted)
		s.keys.stale = false
	}
	return s.keys.sorted
}
