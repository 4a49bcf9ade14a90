// Package s3fake is an S3 bucket in memory with S3's rules: the limits on
// parts and copies, conditions, checksums, the life of an upload. It answers
// the interfaces that packages writer and fs own, without HTTP, fast enough
// for tests that make millions of calls.
//
// Contents are immutable. An object, a part and a copied range share the bytes
// that were uploaded once; what a caller gives in is copied.
//
// Every call can be made to fail, before or after it acted (see [Fault]), is
// counted (see [Counts]), and what the bucket holds can be looked at without
// being counted.
package s3fake

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/s3keys"
	"github.com/s3mpfs/s3mpfs/writer"
)

var _ writer.Store = (*Store)(nil)

// Options of a bucket. The zero value is a bucket as Amazon's, which takes
// requests without checksums.
type Options struct {
	// Limits of the store; the zero value means Amazon's. A PutObject takes
	// as much as a part.
	Limits writer.Limits
	// Checksum that uploads are created with.
	Checksum writer.Algorithm
	// Uniform demands that all parts of an upload but the last are of one size,
	// and the last no larger, as Cloudflare's R2 does.
	Uniform bool
	// MD5 makes ETags as S3 does, so that equal contents have equal ETags.
	// Otherwise each content gets an ETag of its own, which costs nothing.
	MD5 bool
	// Silent is a store whose listings do not tell which objects have metadata.
	Silent bool
	// Versions keeps every version of each key, as a versioned bucket does.
	Versions bool
	// Directory makes it a directory bucket (S3 Express One Zone).
	Directory bool
	// Latency is how long an operation takes; nil for no time at all.
	Latency func(op string) time.Duration
}

// Store is a bucket. All methods are safe for concurrent use.
type Store struct {
	limits    writer.Limits
	algorithm writer.Algorithm
	uniform   bool
	md5       bool
	silent    bool
	directory bool
	versioned bool
	latency   func(op string) time.Duration

	mu      sync.Mutex // guards what follows; never held while waiting
	fail    func(Call) Fault
	counts  Counts
	serial  uint64             // of the last ETag, upload ID or token given out
	objects map[string]*object // the current ones
	locked  map[string]bool
	history map[string]map[string]*object // in a versioned bucket, by key and version
	uploads map[string]*upload
	keys    s3keys.Set
}

// object is one version; nothing in it changes.
type object struct {
	writer.Object
	content content
}

// New makes an empty bucket.
func New(o Options) *Store {
	return &Store{
		limits:    cmp.Or(o.Limits, writer.AmazonLimits),
		algorithm: o.Checksum,
		uniform:   o.Uniform,
		md5:       o.MD5,
		silent:    o.Silent,
		directory: o.Directory,
		versioned: o.Versions,
		latency:   o.Latency,
		counts:    Counts{Requests: map[string]int{}},
		objects:   map[string]*object{},
		history:   map[string]map[string]*object{},
		uploads:   map[string]*upload{},
	}
}

// do runs one operation: it counts it, lets it take its time, asks whether it
// shall fail, and dresses what act returns as S3's answer.
func do[T any](ctx context.Context, s *Store, op, key string, number int32, act func() (T, error)) (T, error) {
	var none T
	call, fault := s.admit(op, key, number)
	if err := s.wait(ctx, op); err != nil {
		return none, call.storeError(&refusal{class: writer.ErrUnavailable, cause: err})
	}
	if fault.before() {
		return none, call.storeError(fault.refusal())
	}
	result, err := act()
	if fault.Late != nil {
		fault.Late()
	}
	if err != nil {
		return none, call.storeError(err)
	}
	if fault.after() {
		return none, call.storeError(fault.refusal())
	}
	return result, nil
}

// wait lets the latency of op pass, or ctx end.
func (s *Store) wait(ctx context.Context, op string) error {
	if s.latency != nil {
		timer := time.NewTimer(s.latency(op))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// now is the time in thousandths of a second.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
