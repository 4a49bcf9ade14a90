package fs

import (
	"context"

	"github.com/s3mpfs/s3mpfs/writer"
)

// Bucket is the part of S3 that the tree needs beside what a file being
// written does. Keys are whole keys: a mount of BUCKET/PREFIX adds its prefix
// before it calls. Errors are those of writer.Store.
type Bucket interface {
	// List gives up to limit (at most 1,000) objects and common prefixes under
	// prefix, in the order of their keys. delimiter is "/" for one directory
	// or "" for everything below. token is "" for the first page and then the
	// next of the page before; next is "" at the end.
	List(ctx context.Context, prefix, delimiter, token string, limit int32) (objects []writer.Object, prefixes []string, next string, err error)
	// HeadObject describes the object as it is now; ErrNotFound if there is
	// none.
	HeadObject(ctx context.Context, key string) (writer.Object, error)
	// ReadRange fills the slices of p, one after the other, with the bytes of
	// obj from offset on.
	ReadRange(ctx context.Context, obj writer.Object, offset int64, p ...[]byte) error
	// PutObject creates or replaces an object in one request; the tree makes
	// directory markers of it.
	PutObject(ctx context.Context, key string, attrs writer.Attributes, body writer.Body, cond writer.Condition) (writer.Object, error)
	// CopyObject makes key a server-side copy of src.
	CopyObject(ctx context.Context, src writer.Object, key string, attrs writer.Attributes, cond writer.Condition) (writer.Object, error)
	// RenameObject gives an object, which must still have the ETag it names,
	// another key, with all that S3 keeps with it, in one step. Buckets that
	// cannot do that answer ErrUnsupported, without a request.
	RenameObject(ctx context.Context, src writer.Object, key string, cond writer.Condition) error
	// Tags gives the tags of an object.
	Tags(ctx context.Context, key string) (map[string]string, error)
	// DeleteObject removes an object; one that is not there is no error.
	DeleteObject(ctx context.Context, key string) error
}
