package fs

import (
	"context"
	"fmt"
	"testing"
	"time"

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

// A directory that this mount fills is read again for as long as that costs less
// than to ask for each name.
func TestWorthRenewing(t *testing.T) {
	tree := &Tree{o: Options{}.withDefaults(), listings: map[string]*listing{}}
	for _, c := range []struct {
		pages, changed int
		worth          bool
	}{{0, 10, true}, {10, 10, true}, {11, 10, false}, {11, 200, true}, {50, 200, false}, {50, 10_000, true}, {0, 60_000, true}, {100, 60_000, false}} {
		l := tree.newListing("d/")
		l.pages, l.complete, l.lastOwn = make([]*page, c.pages), true, time.Now()
		for i := range c.changed {
			l.changed[fmt.Sprint(i)] = &change{}
		}
		if got := l.worthRenewing(); got != c.worth {
			t.Errorf("%d pages, of which it has changed %d names: %v", c.pages, c.changed, got)
		}
	}
}

// What this mount does to names is forgotten when it is more than a listing holds.
func TestChangedNamesAreBounded(t *testing.T) {
	tree := &Tree{o: Options{}.withDefaults(), listings: map[string]*listing{}}
	tree.emptyListing("d/")
	for i := range maxChanged + 1 {
		tree.note(fmt.Sprint("d/", i), entry{}, false)
	}
	if l := tree.knownListing("d/"); l != nil {
		t.Errorf("%d names are remembered", len(l.changed))
	}
}

// A listing that is begun while a file is being closed learns of its object,
// although S3 was told of it before: who removes the name must remove that.
func TestAListingLearnsOfAFileThatIsBeingClosed(t *testing.T) {
	tree := &Tree{o: Options{}.withDefaults(), listings: map[string]*listing{}, open: map[string]map[string]*file{}}
	f := tree.newFile("d/f", writer.Object{Key: "d/f", ETag: `"1"`})
	tree.addOpen(f)
	l := tree.newListing("d/")
	f.leaveOpen()
	if e, ok := l.current(entry{name: "f"}); !ok || e.object.ETag != `"1"` {
		t.Errorf("the listing has %+v, %v", e, ok)
	}
}
