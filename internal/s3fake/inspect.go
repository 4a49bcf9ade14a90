package s3fake

import (
	"slices"
	"strings"

	"github.com/s3mpfs/s3mpfs/writer"
)

// What follows looks at the bucket, or changes it, as somebody else would: no
// call is counted, none can fail.

// Set makes key an object of p, as another client does, which does not mark
// objects with metadata.
func (s *Store) Set(key string, p []byte, attrs writer.Attributes) writer.Object {
	c := contentOf(p).flat()
	etag, sum := s.etag(c), c.checksum(s.algorithm)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store(key, etag, attrs, c, sum)
	s.objects[key].Plain = !s.silent
	return s.objects[key].describe()
}

// Remove deletes key, as another client does.
func (s *Store) Remove(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, key)
	s.keys.Remove(key)
}

// Object describes the object key and tells whether there is one.
func (s *Store) Object(key string) (writer.Object, bool) {
	o, err := s.source(writer.Object{Key: key})
	if err != nil {
		return writer.Object{}, false
	}
	return o.describe(), true
}

// Bytes gives a copy of the content of key and tells whether there is such an
// object.
func (s *Store) Bytes(key string) ([]byte, bool) {
	o, err := s.source(writer.Object{Key: key})
	if err != nil {
		return nil, false
	}
	return o.content.bytes(), true
}

// Keys gives the keys of all objects in order.
func (s *Store) Keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.keys.Sorted())
}

// Uploads gives the uploads that are neither completed nor aborted, in the
// order in which they were created.
func (s *Store) Uploads() []writer.Upload {
	s.mu.Lock()
	defer s.mu.Unlock()
	var uploads []writer.Upload
	for _, u := range s.uploads {
		uploads = append(uploads, u.Upload)
	}
	slices.SortFunc(uploads, func(a, b writer.Upload) int { return strings.Compare(a.ID, b.ID) })
	return uploads
}

// Parts gives the parts that an upload holds, in the order of their numbers.
func (s *Store) Parts(uploadID string) []writer.Part {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.uploads[uploadID]
	if u == nil {
		return nil
	}
	var parts []writer.Part
	for _, p := range u.parts {
		parts = append(parts, p.Part)
	}
	slices.SortFunc(parts, func(a, b writer.Part) int { return int(a.Number - b.Number) })
	return parts
}
