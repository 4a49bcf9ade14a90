package s3fake

import (
	"context"
	"strings"

	"github.com/s3mpfs/s3mpfs/internal/s3keys"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
	"github.com/s3mpfs/s3mpfs/writer"
)

// page is one answer of a listing.
type page struct {
	objects  []writer.Object
	prefixes []string
	next     string
}

// List implements fs.Bucket.
func (s *Store) List(ctx context.Context, prefix, delimiter, token string, limit int32) ([]writer.Object, []string, string, error) {
	p, err := do(ctx, s, s3op.ListObjectsV2, prefix, 0, func() (page, error) {
		if limit <= 0 || limit > s3keys.MaxPage {
			limit = s3keys.MaxPage
		}
		first, ok := strings.CutPrefix(token, tokenMark)
		if token != "" && !ok {
			return page{}, invalidToken
		}
		return s.list(prefix, delimiter, first, int(limit)), nil
	})
	return p.objects, p.prefixes, p.next, err
}

// tokenMark precedes the first key of the next page in a token, which so is
// never mistaken for a key.
const tokenMark = "token:"

func (s *Store) list(prefix, delimiter, first string, limit int) (p page) {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys, prefixes, next := s.keys.Page(prefix, delimiter, first, limit)
	for _, key := range keys {
		p.objects = append(p.objects, s.objects[key].listed())
	}
	p.prefixes = prefixes
	s.counts.Listed += len(p.objects) + len(p.prefixes)
	if next != "" {
		p.next = tokenMark + next
	}
	return p
}

// listed describes an object as a listing does, which knows neither its
// attributes nor its checksum, and in some stores thousandths of its time.
func (o *object) listed() writer.Object {
	d := o.Object
	d.Attributes = writer.Attributes{}
	d.Checksum = writer.Checksum{}
	return d
}
