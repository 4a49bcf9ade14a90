package s3fake

import (
	"context"

	"github.com/s3mpfs/s3mpfs/internal/s3op"
	"github.com/s3mpfs/s3mpfs/writer"
)

// upload is a running multipart upload.
type upload struct {
	writer.Upload
	attrs writer.Attributes
	parts map[int32]*part
}

// part is what arrived last under one part number; nothing in it changes.
type part struct {
	writer.Part
	content content
}

// CreateMultipartUpload implements [writer.Store].
func (s *Store) CreateMultipartUpload(ctx context.Context, key string, attrs writer.Attributes, cond writer.Condition) (writer.Upload, error) {
	return do(ctx, s, s3op.CreateMultipartUpload, key, 0, func() (writer.Upload, error) {
		if err := checkNames(key, attrs); err != nil {
			return writer.Upload{}, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		u := &upload{attrs: cloneAttributes(attrs), parts: map[int32]*part{}}
		u.Upload = writer.Upload{Key: key, ID: s.uniqueLocked(), Initiated: now(), Checksum: s.algorithm}
		if cond.IfNoneMatch {
			u.Token = s.uniqueLocked()
		}
		s.uploads[u.ID] = u
		return u.Upload, nil
	})
}

// running finds an upload. s.mu is held.
func (s *Store) running(u writer.Upload) (*upload, error) {
	if found := s.uploads[u.ID]; found != nil && found.Key == u.Key {
		return found, nil
	}
	return nil, noSuchUpload
}

// UploadPart implements [writer.Store].
func (s *Store) UploadPart(ctx context.Context, u writer.Upload, number int32, body writer.Body) (writer.Part, error) {
	return do(ctx, s, s3op.UploadPart, u.Key, number, func() (writer.Part, error) {
		c, err := s.receive(body, s.limits.MaxPart)
		if err != nil {
			return writer.Part{}, err
		}
		return s.addPart(u, number, c, body.Checksum.Algorithm)
	})
}

// UploadPartCopy implements [writer.Store]. A request for the whole of a
// source needs no range, and the rule for small sources does not concern it.
func (s *Store) UploadPartCopy(ctx context.Context, u writer.Upload, number int32, src writer.Object, offset, length int64) (writer.Part, error) {
	return do(ctx, s, s3op.UploadPartCopy, u.Key, number, func() (writer.Part, error) {
		from, err := s.readable(src)
		if err != nil {
			return writer.Part{}, err
		}
		if err := s.checkRange(from.Size, offset, length); err != nil {
			return writer.Part{}, err
		}
		return s.addPart(u, number, from.content.slice(offset, length), s.algorithm)
	})
}

func (s *Store) checkRange(size, offset, length int64) error {
	whole := offset == 0 && length == size
	switch {
	case length > s.limits.MaxCopy || length > s.limits.MaxPart:
		return copyTooLarge
	case whole:
		return nil
	case length <= 0 || offset < 0 || offset+length > size:
		return copyRange
	case size <= s.limits.MinCopySource:
		return copyTooSmall
	}
	return nil
}

// addPart makes c the part of this number. sent is the algorithm that the
// request named.
func (s *Store) addPart(u writer.Upload, number int32, c content, sent writer.Algorithm) (writer.Part, error) {
	p := &part{content: c, Part: writer.Part{
		Number: number, Size: c.size, ETag: s.etag(c), Checksum: c.checksum(s.algorithm),
	}}
	s.mu.Lock()
	defer s.mu.Unlock()
	to, err := s.running(u)
	switch {
	case err != nil:
		return writer.Part{}, err
	case number < 1 || number > s.limits.MaxParts:
		return writer.Part{}, invalidNumber
	case sent != writer.None && sent != s.algorithm:
		return writer.Part{}, checksumType
	}
	to.parts[number] = p
	return p.Part, nil
}

// CompleteMultipartUpload implements [writer.Store]. An upload that could not
// be completed goes on.
func (s *Store) CompleteMultipartUpload(ctx context.Context, u writer.Upload, parts []writer.Part, c writer.Completion) (writer.Object, error) {
	return do(ctx, s, s3op.CompleteMultipartUpload, u.Key, 0, func() (writer.Object, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		from, err := s.running(u)
		if err != nil {
			return writer.Object{}, err
		}
		named, err := s.named(from, parts)
		if err != nil {
			return writer.Object{}, err
		}
		whole, err := s.assemble(named, c)
		if err != nil {
			return writer.Object{}, err
		}
		if err := s.check(u.Key, c.Condition); err != nil {
			return writer.Object{}, err
		}
		delete(s.uploads, u.ID)
		return s.store(u.Key, s.etagOfParts(named), from.attrs, whole, whole.checksum(s.algorithm)), nil
	})
}

// named finds the parts that a completion names.
func (s *Store) named(u *upload, parts []writer.Part) ([]*part, error) {
	if len(parts) == 0 {
		return nil, malformedXML
	}
	named := make([]*part, len(parts))
	for i, p := range parts {
		held := u.parts[p.Number]
		switch {
		case p.Number != int32(i+1):
			return nil, invalidPartOrder
		case held == nil || held.ETag != p.ETag:
			return nil, invalidPart
		case p.Checksum != writer.Checksum{} && p.Checksum != held.Checksum:
			return nil, invalidPart
		case held.Size < s.limits.MinPart && i < len(parts)-1:
			return nil, entityTooSmall
		case s.uniform && i > 0 && (held.Size > named[0].Size || held.Size < named[0].Size && i < len(parts)-1):
			return nil, invalidPart
		}
		named[i] = held
	}
	return named, nil
}

// assemble makes the content of the object and verifies it.
func (s *Store) assemble(parts []*part, c writer.Completion) (content, error) {
	pieces := make([]content, len(parts))
	for i, p := range parts {
		pieces[i] = p.content
	}
	whole := join(pieces)
	algorithm := c.Checksum.Algorithm
	switch {
	case whole.size > s.limits.MaxObject:
		return content{}, entityTooLarge
	case whole.size != c.Size:
		return content{}, sizeMismatch
	case algorithm != writer.None && algorithm != s.algorithm:
		return content{}, checksumType
	case algorithm != writer.None && whole.checksum(algorithm) != c.Checksum:
		return content{}, badDigest
	}
	return whole, nil
}

// AbortMultipartUpload implements [writer.Store].
func (s *Store) AbortMultipartUpload(ctx context.Context, u writer.Upload) error {
	_, err := do(ctx, s, s3op.AbortMultipartUpload, u.Key, 0, func() (struct{}, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.uploads, u.ID)
		return struct{}{}, nil
	})
	return err
}
