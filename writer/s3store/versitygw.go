package s3store

import (
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
