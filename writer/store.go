package writer

import (
	"context"
	"time"
)

// Store is the part of S3 that a file being written needs. Every method is one
// S3 operation; the implementation retries what is transient, for as long as
// it was configured to, and returns a [*StoreError] for what is final.
//
// All methods are safe for concurrent use.
type Store interface {
	// PutObject creates or replaces the object key in one request.
	PutObject(ctx context.Context, key string, attrs Attributes, body Body, cond Condition) (Object, error)

	// CopyObject makes key a server-side copy of src, which must still have
	// the ETag it names (else ErrPrecondition). src is at most 5 GB. The copy
	// carries attrs, not the attributes of src.
	CopyObject(ctx context.Context, src Object, key string, attrs Attributes, cond Condition) (Object, error)

	// CreateMultipartUpload begins an upload. An implementation that finds
	// that the store refuses the checksum says so in Upload.Checksum.
	CreateMultipartUpload(ctx context.Context, key string, attrs Attributes, cond Condition) (Upload, error)

	// UploadPart sends one part; a second part with the same number replaces
	// the first. The body is not touched after the return. It may carry another
	// checksum than the upload was created with; the answer has the upload's.
	UploadPart(ctx context.Context, u Upload, number int32, body Body) (Part, error)

	// UploadPartCopy makes the bytes [offset, offset+length) of src part
	// number. src must still have the ETag it names (else ErrPrecondition).
	UploadPartCopy(ctx context.Context, u Upload, number int32, src Object, offset, length int64) (Part, error)

	// CompleteMultipartUpload makes the object of parts, which are numbered
	// 1, 2, 3, ... in this order. A nil error means that the object exists,
	// whole: an error inside a 200 answer is an error, and a lost answer has
	// been resolved by looking at the object.
	CompleteMultipartUpload(ctx context.Context, u Upload, parts []Part, c Completion) (Object, error)

	// AbortMultipartUpload gives up an upload and repeats until S3 holds none
	// of its parts. An upload that is already gone is no error.
	AbortMultipartUpload(ctx context.Context, u Upload) error

	// ReadRange fills the slices of p, one after the other, with the bytes of
	// obj from offset on, in one request. obj must still have the ETag it
	// names, if it names one (else ErrPrecondition, or ErrNotFound where it is
	// gone). Fewer bytes than p holds is an error.
	ReadRange(ctx context.Context, obj Object, offset int64, p ...[]byte) error

	// HeadObject describes the object as it is now; ErrNotFound if there is
	// none.
	HeadObject(ctx context.Context, key string) (Object, error)
}

// Object describes one version of an S3 object. Objects are immutable in S3:
// another ETag is another object.
type Object struct {
	Key          string
	ETag         string // as S3 sends it, with its quotation marks
	VersionID    string // empty in a bucket without versions
	Size         int64  // bytes
	LastModified time.Time
	StorageClass string
	// Checksum is the full-object checksum where S3 told it.
	Checksum Checksum
	// Attributes is complete after HeadObject but for the tags, of which it
	// tells the number; empty in a listing.
	Attributes Attributes
	TagCount   int
	// ByVersion: the version is to be read although it is no longer the
	// current one of its key.
	ByVersion bool
	// Plain says that no user metadata was given to the object by this
	// program, which a listing tells too. False where nobody knows.
	Plain bool
}

// Attributes are what S3 stores with an object when it is created and cannot
// change afterwards except by a copy.
type Attributes struct {
	ContentType string            // empty: the store's default
	Metadata    map[string]string // user metadata, without the x-amz-meta- prefix, keys in lower case

	// What follows is empty in a new file, which gets what the store was
	// configured with, and the object's own in a changed or copied one.

	CacheControl       string
	ContentDisposition string
	ContentEncoding    string
	ContentLanguage    string
	Expires            time.Time // of the Expires header; to the second
	WebsiteRedirect    string
	StorageClass       string
	Encryption         Encryption
	// Tags of an object; CopyObject keeps those of its source, and where a
	// configuration names some, these count.
	Tags map[string]string
}

// Encryption is how S3 encrypts an object at rest.
type Encryption struct {
	Algorithm string // such as aws:kms; empty: the bucket's default
	KeyID     string // of aws:kms
	BucketKey bool   // with an S3 Bucket Key
}

// Condition guards the creation of an object against other writers. The zero
// value is no condition. A condition that is false is ErrPrecondition.
type Condition struct {
	IfMatch     string // the ETag that the present object must have
	IfNoneMatch bool   // there must be no object (If-None-Match: *)
}

// Upload is a running multipart upload.
type Upload struct {
	Key       string
	ID        string
	Initiated time.Time
	// AbortDate is when a lifecycle rule of the bucket will abort the upload;
	// zero if S3 named none.
	AbortDate time.Time
	// Checksum is the algorithm that the upload's parts carry, None where the
	// store takes none.
	Checksum Algorithm
	// Composite: another program has begun the upload with checksums of which
	// the object's is one of checksums. Its parts must be named with theirs.
	Composite bool
	// Token is a random mark stored with the object by which it can be told
	// from an equal one of another writer; empty unless created under
	// Condition.IfNoneMatch.
	Token string
}

// Part is one part that S3 holds.
type Part struct {
	Number   int32 // from 1
	ETag     string
	Size     int64 // bytes
	Checksum Checksum
}

// Completion is what S3 verifies when it puts an upload together.
type Completion struct {
	Size     int64    // bytes of the whole object
	Checksum Checksum // of the whole object; None where a part's is unknown
	Condition
}
