package s3store

import (
	"errors"
	"testing"

	"github.com/s3mpfs/s3mpfs/writer"
)

// TestObjectLock is told by what the stores say, for want of a code.
func TestObjectLock(t *testing.T) {
	for _, c := range []struct {
		status     int
		code, text string
		want       error
	}{
		{403, "AccessDenied", "Access Denied because object protected by object lock.", writer.ErrLocked},
		{400, "InvalidRequest", "Object is WORM protected and cannot be overwritten", writer.ErrLocked},
		{403, "AccessDenied", "Access Denied", writer.ErrAccess},
		{400, "InvalidRequest", "Bucket is missing Object Lock Configuration", writer.ErrInvalid},
	} {
		s := newStub(t, map[string][]answerTo{"DeleteObject": {fails(c.status, c.code, c.text)}})
		if err := s.open(t).DeleteObject(t.Context(), "k"); !errors.Is(err, c.want) {
			t.Errorf("%s %q is %v, want %v", c.code, c.text, err, c.want)
		}
		s.count(t, "DeleteObject", 1)
	}
}
