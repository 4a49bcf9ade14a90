package s3fake

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
)

// etag names a content that was sent in one request: the MD5 of its bytes, or
// a number that was never used before. s.mu is not held.
func (s *Store) etag(c content) string {
	if s.md5 {
		return `"` + c.md5() + `"`
	}
	return `"` + s.unique() + `"`
}

// etagOfParts names an object made of parts: the MD5 of their MD5s and their
// number. s.mu is held.
func (s *Store) etagOfParts(parts []*part) string {
	digest := s.uniqueLocked()
	if s.md5 {
		h := md5.New()
		for _, p := range parts {
			sum, _ := hex.DecodeString(p.ETag[1 : len(p.ETag)-1])
			h.Write(sum)
		}
		digest = hex.EncodeToString(h.Sum(nil))
	}
	return fmt.Sprintf(`"%s-%d"`, digest, len(parts))
}

// unique gives 32 hexadecimal digits that were never given before.
func (s *Store) unique() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.uniqueLocked()
}

func (s *Store) uniqueLocked() string {
	s.serial++
	const zeros = "00000000000000000000000000000000"
	digits := fmt.Sprintf("%x", s.serial)
	return zeros[len(digits):] + digits
}
