package fs

import (
	"context"
	"fmt"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/s3fake"
	"github.com/s3mpfs/s3mpfs/writer"
)

// Who seeks back to a page that was given up to save memory is told what is left
// of it, where others have removed most of its names since.
func TestAPageThatWasGivenUp(t *testing.T) {
	const names = (maxPages + 2) * pageSize
	store := s3fake.New(s3fake.Options{})
	key := func(i int) string { return fmt.Sprintf("d/%06d", i) }
	for i := range names {
		store.Set(key(i), nil, writer.Attributes{})
	}
	tree := &Tree{bucket: store, ctx: context.Background(), o: Options{}.withDefaults(), listings: map[string]*listing{}}
	h := &dirHandle{dir: tree.newDir("d/"), listing: tree.newListing("d/")}
	h.listing.read(+1)
	if err := h.listing.readAll(); err != nil {
		t.Fatal(err)
	}
	for i := range names {
		if i != 7 && i < names-500 {
			store.Remove(key(i))
		}
	}
	h.Seekdir(t.Context(), dots)
	found := map[string]int{}
	for {
		e, errno := h.Readdirent(t.Context())
		if errno != 0 {
			t.Fatal(errno)
		}
		if e == nil {
			break
		}
		found[e.Name]++
	}
	if found[""] > 0 || found[key(7)[2:]] == 0 || found[key(names - 1)[2:]] == 0 {
		t.Errorf("%d names", len(found))
	}
}
