// Package storetest is the contract of [writer.Store] and fs.Bucket as
// tests. Every implementation runs them: the one in memory, so that it is no
// kinder than S3, and the one that speaks to a server, so that it keeps what
// the writer relies on.
package storetest

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/s3mpfs/s3mpfs/writer"
)

// Store is everything that the product asks of S3: writer.Store and what
// fs.Bucket has beside it.
type Store interface {
	writer.Store
	List(ctx context.Context, prefix, delimiter, token string, limit int32) (objects []writer.Object, prefixes []string, next string, err error)
	DeleteObject(ctx context.Context, key string) error
	RenameObject(ctx context.Context, src writer.Object, key string, cond writer.Condition) error
	Tags(ctx context.Context, key string) (map[string]string, error)
}

// Options tell what the server behind the store under test does not do as S3
// does, so that nobody can hold the store to it. The zero value is a server
// that keeps every rule.
type Options struct {
	// Checksum that the store was opened with.
	Checksum writer.Algorithm
	// UncheckedSums: neither the checksum of a part or an object nor the size
	// of a completed object is compared.
	UncheckedSums bool
	// UncheckedNumbers: part numbers at completion may have gaps.
	UncheckedNumbers bool
	// UncheckedMatch: If-Match is ignored at completion.
	UncheckedMatch bool
	// UncheckedCopySource: neither the ETag of a copy's source nor the end of a
	// range is looked at.
	UncheckedCopySource bool
	// UncheckedAbort: an upload that was aborted is not missed.
	UncheckedAbort bool
	// RangeSums: the checksum of a whole object is told for a copied range of
	// it, and spoils the completed object's.
	RangeSums bool
	// Silent: a listing does not tell the checksum's algorithm of an object.
	Silent bool
	// MultipartMarks: every multipart object may have metadata, for all one can
	// tell from a listing.
	MultipartMarks bool
	// RefusedKeys are keys that the server cannot hold.
	RefusedKeys []string
}

// Run runs the contract. open gives an empty bucket for one sub-test; each
// leaves no upload behind, which open may verify at cleanup.
func Run(t *testing.T, o Options, open func(t *testing.T) Store) {
	for _, group := range []struct {
		name  string
		rules []rule
	}{
		{"PutObject", putRules},
		{"Read", readRules},
		{"Copy", copyRules},
		{"Upload", uploadRules},
		{"Complete", completeRules},
		{"PartCopy", partCopyRules},
		{"List", listRules},
	} {
		for _, r := range group.rules {
			t.Run(group.name+"/"+r.name, func(t *testing.T) {
				r.test(&suite{T: t, Options: o, s: open(t)})
			})
		}
	}
}

// rule is one sentence of the contract.
type rule struct {
	name string
	test func(*suite)
}

// suite is one sub-test: a bucket and what is expected of it.
type suite struct {
	*testing.T
	Options
	s Store
}

// minPart is S3's smallest part that is not the last, in bytes.
const minPart = 5 << 20

// random is what all patterns are cut from: as long as the longest of them and
// some more, so that each seed begins elsewhere.
var random = sync.OnceValue(func() []byte {
	p := make([]byte, 4*minPart)
	rand.NewChaCha8([32]byte{}).Read(p) // never fails
	return p
})

// pattern gives n bytes that look random; another seed gives other bytes.
// Nobody changes them.
func pattern(seed uint64, n int) []byte {
	begin := int(seed) * 4099
	return random()[begin : begin+n : begin+n]
}

// unless ends a sub-test that the server behind the store cannot pass.
func (t *suite) unless(lacks bool, what string) {
	t.Helper()
	if lacks {
		t.Skip("the server " + what)
	}
}
