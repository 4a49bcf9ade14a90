package s3store

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/s3mpfs/s3mpfs/writer"
)

// feature is something in a request that not every store knows. One that a
// store refuses is left out, and once a request has succeeded without it, left
// out for the rest of the mount.
type feature uint32

// The features, in the order in which they are given up where a refusal does
// not say what it is about.
const (
	objectSize feature = 1 << iota // x-amz-mp-object-size at completion
	checksums                      // checksum headers
	putIfMatch
	putIfNoneMatch
	completeIfMatch
	completeIfNoneMatch
	copyIfMatch
	copyIfNoneMatch
)

const (
	ifMatch     = putIfMatch | completeIfMatch | copyIfMatch
	ifNoneMatch = putIfNoneMatch | completeIfNoneMatch | copyIfNoneMatch
)

// consequences says what the mount does without a feature.
var consequences = map[feature]string{
	objectSize:          "the store refuses x-amz-mp-object-size: it will not verify the size of completed uploads",
	checksums:           "the store refuses checksum headers: objects are sent without a checksum",
	putIfMatch:          "the store refuses If-Match on PutObject: the object is compared before it is replaced",
	putIfNoneMatch:      "the store refuses If-None-Match on PutObject: the object is looked for before it is created",
	completeIfMatch:     "the store refuses If-Match on CompleteMultipartUpload: the object is compared before it is replaced",
	completeIfNoneMatch: "the store refuses If-None-Match on CompleteMultipartUpload: the object is looked for before it is created",
	copyIfMatch:         "the store refuses If-Match on CopyObject: the object is compared before it is replaced",
	copyIfNoneMatch:     "the store refuses If-None-Match on CopyObject: the object is looked for before it is created",
}

// featureSet holds what the store was found to refuse.
type featureSet struct {
	refused atomic.Uint32
	log     *slog.Logger
}

// without leaves out of want what is known to be refused.
func (s *featureSet) without(want feature) feature {
	return want &^ feature(s.refused.Load())
}

// add notes what a request has succeeded without, and logs what is new.
func (s *featureSet) add(refused feature) {
	old := feature(s.refused.Or(uint32(refused)))
	for f := objectSize; f <= copyIfNoneMatch; f <<= 1 {
		if refused&^old&f != 0 {
			s.log.Warn(consequences[f])
		}
	}
}

// degrade runs send with the wanted features, and again with fewer while the
// store refuses one.
func degrade[Out any](s *Store, want feature, send func(have feature) (Out, error)) (Out, error) {
	have, dropped := s.refused.without(want), feature(0)
	for {
		out, err := send(have)
		if err == nil {
			s.refused.add(dropped)
			return out, nil
		}
		f := suspect(err, have)
		if f == 0 {
			return out, err
		}
		have, dropped = have&^f, dropped|f
	}
}

// suspect names the feature that a refusal is about, 0 if it is about none.
func suspect(err error, have feature) feature {
	var e *writer.StoreError
	if !errors.As(err, &e) || e.Status < 400 || e.Err == nil {
		return 0
	}
	unimplemented := e.Class == writer.ErrUnsupported
	if !unimplemented && e.Class != writer.ErrInvalid {
		return 0
	}
	message := strings.ToLower(e.Code + " " + e.Err.Error())
	if f := named(message) & have; f != 0 && !disproof.MatchString(message) {
		return f
	}
	if unimplemented && e.Status == http.StatusNotImplemented {
		return have & -have // the lowest bit
	}
	return 0
}

// disproof is found where a store knows a feature well, and says that what it
// verified is wrong.
var disproof = regexp.MustCompile(`not match|mismatch|(^|[^-])match(es)?\b`)

// named gives the features that a message speaks of.
func named(message string) (f feature) {
	for text, about := range map[string]feature{
		"mp-object-size": objectSize,
		"checksum":       checksums,
		"crc64":          checksums,
		"crc32":          checksums,
		"if-none-match":  ifNoneMatch,
		"if-match":       ifMatch,
	} {
		if strings.Contains(message, text) {
			f |= about
		}
	}
	return f
}

// conditions gives the features that a condition needs, given the two of its
// operation.
func conditions(cond writer.Condition, match, noneMatch feature) (f feature) {
	if cond.IfMatch != "" {
		f |= match
	}
	if cond.IfNoneMatch {
		f |= noneMatch
	}
	return f
}

// checksumFeature is wanted where there is a checksum to send.
func checksumFeature(c writer.Checksum) feature {
	if c.Algorithm == writer.None {
		return 0
	}
	return checksums
}

// compare stands in for a condition that the store does not know. Between it
// and the request that follows another writer can come; nothing better can be
// had from such a store.
func (s *Store) compare(ctx context.Context, op *operation, cond writer.Condition) error {
	obj, err := s.HeadObject(ctx, op.key)
	gone := errors.Is(err, writer.ErrNotFound)
	switch {
	case err != nil && !gone:
		return err
	case cond.IfNoneMatch && !gone, cond.IfMatch != "" && (gone || !sameETag(obj.ETag, cond.IfMatch)):
		return op.fails(writer.ErrPrecondition, nil)
	}
	return nil
}

// fails makes an error of the operation that is not S3's.
func (op *operation) fails(class, err error) *writer.StoreError {
	return &writer.StoreError{Op: op.words, Key: op.key, Class: class, Err: err}
}
