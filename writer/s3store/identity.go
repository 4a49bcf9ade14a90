package s3store

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/s3mpfs/s3mpfs/writer"
)

// tokenKey is the user metadata that marks an object as made by one request.
const tokenKey = "s3mpfs-token"

// newToken makes a mark for an object that must not exist yet: after a lost
// answer it tells our object from an equal one of another writer. Other
// objects need none.
func newToken(cond writer.Condition) string {
	if !cond.IfNoneMatch {
		return ""
	}
	return rand.Text()
}

// identity is how an object is known to be the one that a request has made.
type identity struct {
	size     int64
	token    string            // if there is one, nothing else counts
	checksum writer.Checksum   // of the whole object
	etag     string            // that the store must have given it, empty if unknown
	metadata map[string]string // that it must have, nil where that need not be asked
}

func (id identity) matches(obj writer.Object, token string) bool {
	switch {
	case obj.Size != id.size || !contains(obj.Attributes.Metadata, id.metadata):
		return false
	case id.token != "":
		return token == id.token
	case id.etag != "" && sameETag(obj.ETag, id.etag):
		return true
	}
	return id.checksum.Algorithm != writer.None && obj.Checksum == id.checksum
}

// sameETag compares ETags with or without their quotation marks.
func sameETag(a, b string) bool { return strings.Trim(a, `"`) == strings.Trim(b, `"`) }

// contains reports whether all has every entry of some.
func contains(all, some map[string]string) bool {
	for k, v := range some {
		if all[strings.ToLower(k)] != v {
			return false
		}
	}
	return true
}

// settlePatience is how long the object is asked for when it is not known
// whether a request has taken effect.
const settlePatience = 30 * time.Second

// settle decides the fate of a request that failed but may have taken effect:
// where the object is the one that the request should have made, it is given
// and there is no error. Without doubt, err stands.
func (s *Store) settle(ctx context.Context, op *operation, id identity, err error) (writer.Object, error) {
	lost := op.doubt || errors.Is(err, writer.ErrNoSuchUpload)
	if err == nil || !lost || ctx.Err() != nil {
		return writer.Object{}, err
	}
	obj, token, headErr := s.head(ctx, &operation{
		name: "HeadObject", words: "look for the object", key: op.key, limit: settlePatience,
	})
	if headErr != nil || !id.matches(obj, token) {
		return writer.Object{}, err
	}
	return obj, nil
}

// multipartETag gives the ETag that S3 makes of an upload: the MD5 of its
// parts' binary MD5s, and their number. It is empty where the parts' ETags are
// not MD5s (SSE-KMS).
func multipartETag(parts []writer.Part) string {
	sum := md5.New()
	for _, p := range parts {
		raw, err := hex.DecodeString(strings.Trim(p.ETag, `"`))
		if err != nil || len(raw) != md5.Size {
			return ""
		}
		sum.Write(raw)
	}
	return fmt.Sprintf("%x-%d", sum.Sum(nil), len(parts))
}

// withToken adds the mount's metadata and the mark to an object's own.
func (s *Store) withToken(attrs writer.Attributes, token string) map[string]string {
	m := maps.Clone(s.cfg.Metadata)
	if m == nil {
		m = map[string]string{}
	}
	maps.Copy(m, attrs.Metadata)
	if token != "" {
		m[tokenKey] = token
	}
	return m
}
