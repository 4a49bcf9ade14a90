package s3fake

import (
	"errors"
	"fmt"

	"github.com/s3mpfs/s3mpfs/internal/s3op"
	"github.com/s3mpfs/s3mpfs/writer"
)

// refusal is an answer of S3 that is an error.
type refusal struct {
	code   string
	status int
	class  error
	cause  error // may be nil
}

func (r *refusal) Error() string { return r.code }

func refuse(code string, status int, class error, text string) *refusal {
	return &refusal{code, status, class, errors.New(text)}
}

// The refusals, with S3's codes, statuses and texts ("Error responses" in the
// S3 API reference).
var (
	noSuchKey    = refuse("NoSuchKey", 404, writer.ErrNotFound, "The specified key does not exist.")
	noSuchUpload = refuse("NoSuchUpload", 404, writer.ErrNoSuchUpload, "The specified upload does not exist.")

	preconditionFailed = refuse("PreconditionFailed", 412, writer.ErrPrecondition, "At least one of the preconditions you specified did not hold")
	// matchOfNothing is If-Match where there is no object: S3 says 404, and it
	// is still the condition that was false.
	matchOfNothing = refuse("NoSuchKey", 404, writer.ErrPrecondition, "The specified key does not exist.")

	entityTooSmall   = refuse("EntityTooSmall", 400, writer.ErrInvalid, "Your proposed upload is smaller than the minimum allowed size")
	entityTooLarge   = refuse("EntityTooLarge", 400, writer.ErrTooLarge, "Your proposed upload exceeds the maximum allowed size")
	invalidPart      = refuse("InvalidPart", 400, writer.ErrInvalid, "One or more of the specified parts could not be found.")
	invalidPartOrder = refuse("InvalidPartOrder", 400, writer.ErrInvalid, "The list of parts was not in ascending order from 1 without a gap.")
	malformedXML     = refuse("MalformedXML", 400, writer.ErrInvalid, "The list of parts is empty.")
	invalidNumber    = refuse("InvalidArgument", 400, writer.ErrInvalid, "Part number must be an integer between 1 and the largest part number")
	invalidToken     = refuse("InvalidArgument", 400, writer.ErrInvalid, "The continuation token provided is incorrect")
	invalidRange     = refuse("InvalidRange", 416, writer.ErrInvalid, "The requested range is not satisfiable")
	shortRange       = refuse("", 206, writer.ErrUnavailable, "The object ends within the requested range")
	copyRange        = refuse("InvalidArgument", 400, writer.ErrInvalid, "Range specified is not valid for source object")
	copyTooSmall     = refuse("InvalidRequest", 400, writer.ErrInvalid, "The copy source is too small for a range of it to be copied")
	copyTooLarge     = refuse("InvalidRequest", 400, writer.ErrInvalid, "The specified copy source is larger than the maximum allowable size for a copy source")
	sizeMismatch     = refuse("InvalidRequest", 400, writer.ErrInvalid, "The provided 'x-amz-mp-object-size' header does not match what was computed")
	checksumType     = refuse("InvalidRequest", 400, writer.ErrInvalid, "Checksum Type mismatch occurred")
	badDigest        = refuse("BadDigest", 400, writer.ErrChecksum, "The checksum you specified did not match what we received.")
	incompleteBody   = refuse("IncompleteBody", 400, writer.ErrInvalid, "You did not provide the number of bytes specified by the Content-Length")
	keyTooLong       = refuse("KeyTooLongError", 400, writer.ErrInvalid, "Your key is too long")
	renameSlash      = refuse("InvalidRequest", 400, writer.ErrInvalid, "Objects that end with a slash cannot be renamed")
	invalidState     = refuse("InvalidObjectState", 403, writer.ErrArchived, "The operation is not valid for the object's storage class")
	objectLocked     = refuse("AccessDenied", 403, writer.ErrLocked, "Access Denied because object protected by object lock.")
	keyNoText        = refuse("InvalidURI", 400, writer.ErrInvalid, "Couldn't parse the specified URI.")
	keyEmpty         = refuse("InvalidRequest", 400, writer.ErrInvalid, "The key is empty")
	metadataTooLarge = refuse("MetadataTooLarge", 400, writer.ErrInvalid, "Your metadata headers exceed the maximum allowed metadata size")
)

// opWords are the operations as errors name them.
var opWords = map[string]string{
	s3op.PutObject:               "put object",
	s3op.GetObject:               "get object",
	s3op.HeadObject:              "head object",
	s3op.DeleteObject:            "delete object",
	s3op.GetObjectTagging:        "get object tagging",
	s3op.RenameObject:            "rename object",
	s3op.CopyObject:              "copy object",
	s3op.ListObjectsV2:           "list objects",
	s3op.CreateMultipartUpload:   "create multipart upload",
	s3op.UploadPart:              "upload part",
	s3op.UploadPartCopy:          "copy part",
	s3op.CompleteMultipartUpload: "complete multipart upload",
	s3op.AbortMultipartUpload:    "abort multipart upload",
}

// storeError makes of a refusal what the real store returns.
func (c Call) storeError(err error) error {
	r := err.(*refusal)
	op := opWords[c.Op]
	if c.PartNumber != 0 {
		op = fmt.Sprintf("%s %d", op, c.PartNumber)
	}
	return &writer.StoreError{
		Op: op, Key: c.Key, Code: r.code, Status: r.status,
		RequestID: fmt.Sprintf("FAKE%08d", c.N),
		Class:     r.class, Err: r.cause,
	}
}
