package s3fake

import (
	"context"
	"strings"

	"github.com/s3mpfs/s3mpfs/internal/s3op"
	"github.com/s3mpfs/s3mpfs/writer"
)

// RenameObject implements fs.Bucket, for a directory bucket alone. What is
// renamed keeps everything, its ETag and time too.
func (s *Store) RenameObject(ctx context.Context, src writer.Object, key string, cond writer.Condition) error {
	if !s.directory {
		return writer.ErrUnsupported
	}
	_, err := do(ctx, s, s3op.RenameObject, key, 0, func() (struct{}, error) {
		if strings.HasSuffix(src.Key, "/") || strings.HasSuffix(key, "/") {
			return struct{}{}, renameSlash
		}
		from, err := s.source(src)
		if err != nil {
			return struct{}{}, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if err := s.check(key, cond); err != nil {
			return struct{}{}, err
		}
		to := *from
		to.Key = key
		delete(s.objects, src.Key)
		s.keys.Remove(src.Key)
		s.objects[key] = &to
		s.keys.Add(key)
		return struct{}{}, nil
	})
	return err
}
