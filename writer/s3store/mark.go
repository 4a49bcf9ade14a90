package s3store

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/s3mpfs/s3mpfs/writer"
)

// A listing tells no metadata, and to ask about every name would make large
// directories unusable. But it tells with which algorithm the checksum of each
// object was made, which whoever writes the object may choose. So an object
// that is given metadata of its own, beside the mount's, gets a CRC32C; any
// other gets what Config.Checksum says. S3 itself, the AWS CLI, the SDKs and
// tools without checksums make others, so that a listing shows which objects
// are worth a question: writer.Object.Plain is false of those, and of all
// objects as long as the store is not Amazon's and has told no algorithm.

// markAlgorithm is the checksum of objects with metadata.
const markAlgorithm = writer.CRC32C

// marks tells whether an object is given metadata beside the mount's.
func (s *Store) marks(attrs writer.Attributes) bool {
	for k, v := range attrs.Metadata {
		if mine, ok := s.cfg.Metadata[k]; !ok || mine != v {
			return true
		}
	}
	return false
}

// algorithmOf is the checksum for an object with attrs that would get the plain
// one otherwise. A store that is to be spared checksums gets none.
func (s *Store) algorithmOf(attrs writer.Attributes, plain writer.Algorithm) writer.Algorithm {
	if s.marks(attrs) && (plain != writer.None || !s.custom) {
		return markAlgorithm
	}
	return plain
}

// copyAlgorithm is the checksum that S3 is to make anew for a copy, None where
// the source's will do.
func (s *Store) copyAlgorithm(src writer.Object, attrs writer.Attributes) writer.Algorithm {
	want := s.algorithmOf(attrs, s.cfg.Checksum)
	if marked := src.Checksum.Algorithm == markAlgorithm; marked == (want == markAlgorithm) {
		return writer.None
	}
	return want
}

// mark gives a body the checksum for an object with attrs.
func (s *Store) mark(attrs writer.Attributes, body writer.Body) (writer.Body, error) {
	marked, whole := body.As(s.algorithmOf(attrs, body.Checksum.Algorithm))
	if !whole {
		return body, spoilt("put object", "")
	}
	return marked, nil
}

// errSpoilt says that memory does not hold any more what was written.
var errSpoilt = errors.New("the bytes in memory have changed since they were written")

func spoilt(op, key string) error {
	return &writer.StoreError{Op: op, Key: key, Class: writer.ErrChecksum, Err: errSpoilt}
}

// learnFrom looks in a listing whether the store tells algorithms at all.
func (s *Store) learnFrom(page []types.Object) {
	for _, o := range page {
		if len(o.ChecksumAlgorithm) > 0 && o.ChecksumAlgorithm[0] != "" {
			s.tells.Store(true)
			return
		}
	}
}

// plain tells whether an object has no metadata of its own, by whether its
// checksum is the mark.
func (s *Store) plain(marked bool, key, etag string) bool {
	marking := s.refused.without(checksums) != 0 && (s.cfg.Checksum != writer.None || !s.custom)
	telling := s.tells.Load() || s.versity.met.Load()
	return marking && telling && !marked && !s.versity.conceals(key, etag)
}
