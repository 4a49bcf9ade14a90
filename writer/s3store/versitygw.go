package s3store

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/s3mpfs/s3mpfs/writer"
)

// versitygw is what must be known of that server, up to its version 1.8:
//
//   - A copied range gets the checksum of its whole source where source and
//     upload have the same algorithm, and the object then gets a wrong one, or
//     cannot be completed. So uploads are created there without an algorithm;
//     parts still carry checksums, which the server verifies, and their
//     combination is compared here. It then computes the object's own.
//   - The completion of an upload that is gone succeeds if there is any object
//     of that key. Such an answer tells no checksum; a true one always does.
//   - Where an object is copied onto itself with another checksum, that becomes
//     the checksum of nothing. So such a copy is made as an upload there.
//   - A directory's marker that replaces another without having metadata gets the
//     other's, even if that was removed, as long as something lies below it. So
//     there markers always have some: a token.
//
// The first makes every multipart object one of which a listing does not tell
// whether it has metadata. Of directories' markers it tells no checksum either.
type versitygw struct {
	met        atomic.Bool // the server has told its name
	unlabelled sync.Map    // IDs of uploads that were created without an algorithm
	labels     bool        // create uploads as for any other store; for tests of just that
}

// meet looks whose answer it was.
func (v *versitygw) meet(server string) {
	if server == "VERSITYGW" {
		v.met.Store(true)
	}
}

// mislabels tells that uploads must be created without an algorithm.
func (v *versitygw) mislabels() bool { return v.met.Load() && !v.labels }

// isUnlabelled tells that an upload was created without an algorithm although
// its parts carry checksums.
func (v *versitygw) isUnlabelled(u writer.Upload) bool {
	_, ok := v.unlabelled.Load(u.ID)
	return ok
}

// forget forgets an upload that has ended.
func (v *versitygw) forget(u writer.Upload) { v.unlabelled.Delete(u.ID) }

// conceals tells that the algorithm of an object's checksum says nothing of its
// metadata.
func (v *versitygw) conceals(key, etag string) bool {
	return v.met.Load() && (strings.Contains(etag, "-") || strings.HasSuffix(key, "/"))
}

// inherits tells that an object without metadata may get that of the one before.
func (v *versitygw) inherits(key string) bool { return v.met.Load() && strings.HasSuffix(key, "/") }

// doubtful tells that a completion may have done nothing.
func (v *versitygw) doubtful(told writer.Checksum) bool {
	return v.met.Load() && told.Algorithm == writer.None
}

// combined is the checksum of the parts together, None where one is unknown.
func combined(parts []writer.Part) writer.Checksum {
	if len(parts) == 0 {
		return writer.Checksum{}
	}
	sum := writer.Checksum{Algorithm: parts[0].Checksum.Algorithm}
	for _, p := range parts {
		if p.Checksum.Algorithm != sum.Algorithm {
			return writer.Checksum{}
		}
		sum.Value = sum.Algorithm.Combine(sum.Value, p.Checksum.Value, p.Size)
	}
	return sum
}

// copyOnto copies an object onto itself as an upload of one part.
func (s *Store) copyOnto(ctx context.Context, src writer.Object, attrs writer.Attributes, cond writer.Condition) (writer.Object, error) {
	if src.Size == 0 {
		return s.PutObject(ctx, src.Key, attrs, writer.NewBody(s.cfg.Checksum), writer.Condition{IfMatch: src.ETag})
	}
	u, err := s.CreateMultipartUpload(ctx, src.Key, attrs, cond)
	if err != nil {
		return writer.Object{}, err
	}
	part, err := s.UploadPartCopy(ctx, u, 1, src, 0, src.Size)
	if err == nil {
		completion := writer.Completion{Size: src.Size, Checksum: part.Checksum, Condition: cond}
		var obj writer.Object
		if obj, err = s.CompleteMultipartUpload(ctx, u, []writer.Part{part}, completion); err == nil {
			return s.copiedAs(obj, src, src.Key, attrs), nil
		}
	}
	_ = s.AbortMultipartUpload(ctx, u) // what matters is why
	return writer.Object{}, err
}
