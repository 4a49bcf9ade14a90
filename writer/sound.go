package writer

import (
	"context"
	"log/slog"

	"github.com/s3mpfs/s3mpfs/internal/panics"
)

// sound is a store whose panics are errors: a fault of the program in one
// request fails the file that it was made for, and no other. The engine calls
// the store with locks held and from goroutines of its own, where a panic would
// end them all.
type sound struct {
	store Store
	log   *slog.Logger
}

var _ Store = sound{}

func (s sound) PutObject(ctx context.Context, key string, attrs Attributes, body Body, cond Condition) (o Object, err error) {
	defer panics.Catch(s.log, &err)
	return s.store.PutObject(ctx, key, attrs, body, cond)
}

func (s sound) CopyObject(ctx context.Context, src Object, key string, attrs Attributes, cond Condition) (o Object, err error) {
	defer panics.Catch(s.log, &err)
	return s.store.CopyObject(ctx, src, key, attrs, cond)
}

func (s sound) CreateMultipartUpload(ctx context.Context, key string, attrs Attributes, cond Condition) (u Upload, err error) {
	defer panics.Catch(s.log, &err)
	return s.store.CreateMultipartUpload(ctx, key, attrs, cond)
}

func (s sound) UploadPart(ctx context.Context, u Upload, number int32, body Body) (p Part, err error) {
	defer panics.Catch(s.log, &err)
	return s.store.UploadPart(ctx, u, number, body)
}

func (s sound) UploadPartCopy(ctx context.Context, u Upload, number int32, src Object, offset, length int64) (p Part, err error) {
	defer panics.Catch(s.log, &err)
	return s.store.UploadPartCopy(ctx, u, number, src, offset, length)
}

func (s sound) CompleteMultipartUpload(ctx context.Context, u Upload, parts []Part, c Completion) (o Object, err error) {
	defer panics.Catch(s.log, &err)
	return s.store.CompleteMultipartUpload(ctx, u, parts, c)
}

func (s sound) AbortMultipartUpload(ctx context.Context, u Upload) (err error) {
	defer panics.Catch(s.log, &err)
	return s.store.AbortMultipartUpload(ctx, u)
}

func (s sound) ReadRange(ctx context.Context, obj Object, offset int64, p ...[]byte) (err error) {
	defer panics.Catch(s.log, &err)
	return s.store.ReadRange(ctx, obj, offset, p...)
}

func (s sound) HeadObject(ctx context.Context, key string) (o Object, err error) {
	defer panics.Catch(s.log, &err)
	return s.store.HeadObject(ctx, key)
}
