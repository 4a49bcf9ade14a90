package s3fake

import (
	"context"
	"maps"
	"time"
	"unicode/utf8"

	"github.com/s3mpfs/s3mpfs/internal/s3op"
	"github.com/s3mpfs/s3mpfs/writer"
)

// PutObject implements [writer.Store].
func (s *Store) PutObject(ctx context.Context, key string, attrs writer.Attributes, body writer.Body, cond writer.Condition) (writer.Object, error) {
	return do(ctx, s, s3op.PutObject, key, 0, func() (writer.Object, error) {
		if err := checkNames(key, attrs); err != nil {
			return writer.Object{}, err
		}
		c, err := s.receive(body, s.limits.MaxPart)
		if err != nil {
			return writer.Object{}, err
		}
		return s.create(key, s.etag(c), attrs, c, c.checksum(body.Checksum.Algorithm), cond)
	})
}

// receive copies what a request carries and verifies it.
func (s *Store) receive(body writer.Body, limit int64) (content, error) {
	sent := contentOf(body.Blocks...)
	if sent.size != body.Size {
		return content{}, incompleteBody
	}
	if sent.size > limit {
		return content{}, entityTooLarge
	}
	c := sent.flat()
	s.mu.Lock()
	s.counts.Uploaded += c.size
	s.mu.Unlock()
	if c.checksum(body.Checksum.Algorithm) != body.Checksum {
		return content{}, badDigest
	}
	return c, nil
}

// create makes the current version of key, if cond holds.
func (s *Store) create(key, etag string, attrs writer.Attributes, c content, sum writer.Checksum, cond writer.Condition) (writer.Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.check(key, cond); err != nil {
		return writer.Object{}, err
	}
	return s.store(key, etag, attrs, c, sum), nil
}

// check tells whether cond holds. s.mu is held.
func (s *Store) check(key string, cond writer.Condition) error {
	o := s.objects[key]
	switch {
	case s.locked[key]:
		return objectLocked
	case cond.IfNoneMatch && o != nil:
		return preconditionFailed
	case cond.IfMatch != "" && o == nil:
		return matchOfNothing
	case cond.IfMatch != "" && o.ETag != cond.IfMatch:
		return preconditionFailed
	}
	return nil
}

// store makes the current version of key. s.mu is held.
func (s *Store) store(key, etag string, attrs writer.Attributes, c content, sum writer.Checksum) writer.Object {
	o := &object{content: c, Object: writer.Object{
		Key: key, ETag: etag, Size: c.size, LastModified: now(),
		StorageClass: attrs.StorageClass, Checksum: sum, Attributes: cloneAttributes(attrs),
		Plain: !s.silent && len(attrs.Metadata) == 0,
	}}
	if o.Attributes.ContentType == "" {
		o.Attributes.ContentType = "binary/octet-stream"
	}
	s.remember(o)
	s.objects[key] = o
	s.keys.Add(key)
	return o.describe()
}

// describe gives a description that the caller may change. HTTP tells whole
// seconds.
func (o *object) describe() writer.Object {
	d := o.Object
	d.LastModified = d.LastModified.Truncate(time.Second)
	d.Attributes = cloneAttributes(d.Attributes)
	d.TagCount, d.Attributes.Tags = len(o.Attributes.Tags), nil
	d.Attributes.StorageClass = o.StorageClass
	return d
}

func cloneAttributes(a writer.Attributes) writer.Attributes {
	a.Metadata, a.Tags = maps.Clone(a.Metadata), maps.Clone(a.Tags)
	return a
}

// Tags implements fs.Bucket.
func (s *Store) Tags(ctx context.Context, key string) (map[string]string, error) {
	return do(ctx, s, s3op.GetObjectTagging, key, 0, func() (map[string]string, error) {
		o, err := s.source(writer.Object{Key: key})
		if err != nil {
			return nil, err
		}
		return maps.Clone(o.Attributes.Tags), nil
	})
}

// source finds the version that a copy or a read names.
func (s *Store) source(named writer.Object) (*object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.objects[named.Key]
	if named.ByVersion {
		o = s.history[named.Key][named.VersionID]
	}
	switch {
	case o == nil:
		return nil, noSuchKey
	case named.ETag != "" && named.ETag != o.ETag:
		return nil, preconditionFailed
	}
	return o, nil
}

// readable is source for whoever needs its bytes.
func (s *Store) readable(named writer.Object) (*object, error) {
	o, err := s.source(named)
	if err == nil {
		err = o.archived()
	}
	return o, err
}

// CopyObject implements [writer.Store].
func (s *Store) CopyObject(ctx context.Context, src writer.Object, key string, attrs writer.Attributes, cond writer.Condition) (writer.Object, error) {
	return do(ctx, s, s3op.CopyObject, key, 0, func() (writer.Object, error) {
		if err := checkNames(key, attrs); err != nil {
			return writer.Object{}, err
		}
		from, err := s.readable(src)
		if err != nil {
			return writer.Object{}, err
		}
		if from.Size > s.limits.MaxCopy {
			return writer.Object{}, copyTooLarge
		}
		if attrs.Tags == nil {
			attrs.Tags = from.Attributes.Tags
		}
		return s.create(key, s.etag(from.content), attrs, from.content, from.Checksum, cond)
	})
}

// ReadRange implements [writer.Store].
func (s *Store) ReadRange(ctx context.Context, obj writer.Object, offset int64, p ...[]byte) error {
	_, err := do(ctx, s, s3op.GetObject, obj.Key, 0, func() (struct{}, error) {
		o, err := s.readable(obj)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, s.read(o, offset, p)
	})
	return err
}

// read fills the slices of p. A range that begins beyond the end is refused;
// one that ends there is answered with what there is, which is too little.
func (s *Store) read(o *object, offset int64, p [][]byte) error {
	wanted := contentOf(p...).size
	if wanted > 0 && offset >= o.Size {
		return invalidRange
	}
	s.mu.Lock()
	s.counts.Downloaded += min(wanted, o.Size-offset)
	s.mu.Unlock()
	for _, q := range p {
		n := o.content.readAt(q, offset)
		if n < len(q) {
			return shortRange
		}
		offset += int64(n)
	}
	return nil
}

// HeadObject implements [writer.Store].
func (s *Store) HeadObject(ctx context.Context, key string) (writer.Object, error) {
	return do(ctx, s, s3op.HeadObject, key, 0, func() (writer.Object, error) {
		if err := checkNames(key, writer.Attributes{}); err != nil {
			return writer.Object{}, err
		}
		o, err := s.source(writer.Object{Key: key})
		if err != nil {
			return writer.Object{}, err
		}
		return o.describe(), nil
	})
}

// DeleteObject implements fs.Bucket.
func (s *Store) DeleteObject(ctx context.Context, key string) error {
	_, err := do(ctx, s, s3op.DeleteObject, key, 0, func() (struct{}, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.locked[key] {
			return struct{}{}, objectLocked
		}
		delete(s.objects, key)
		s.keys.Remove(key)
		return struct{}{}, nil
	})
	return err
}

// What S3 takes as a key and as user metadata, in bytes ("Creating object key
// names" and "Working with object metadata" in the S3 user guide).
const (
	maxKey      = 1024
	maxMetadata = 2048
)

func checkNames(key string, attrs writer.Attributes) error {
	size := 0
	for name, value := range attrs.Metadata {
		size += len(name) + len(value)
	}
	switch {
	case key == "":
		return keyEmpty
	case len(key) > maxKey:
		return keyTooLong
	case !utf8.ValidString(key):
		return keyNoText
	case size > maxMetadata:
		return metadataTooLarge
	}
	return nil
}
