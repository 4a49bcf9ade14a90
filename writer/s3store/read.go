package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/s3mpfs/s3mpfs/writer"
)

// errRange says that the store answered with other bytes than were asked for.
var errRange = errors.New("the answer is not the range that was asked for")

// errReplaced says that the answer is of a version of another size, although the
// store was asked for one by its ETag: some compare that before they open it.
var errReplaced = errors.New("the object has another size")

// errDamaged says that bytes of the answer are not those of the object.
var errDamaged = errors.New("the bytes that arrived are not those of the object")

// ReadRange implements writer.Store. An attempt that ends half way keeps what
// it has read: the next one asks for the rest.
//
// An object that is read whole is compared with its checksum, which the store
// tells of whole objects only, and read again where they differ. Bytes that are
// the same again are what the store has: then its checksum is wrong, of which
// some make one up, and none is believed any more.
func (s *Store) ReadRange(ctx context.Context, obj writer.Object, offset int64, p ...[]byte) error {
	var size, done, received int64
	for _, b := range p {
		size += int64(len(b))
	}
	if size == 0 {
		return nil
	}
	whole := offset == 0 && size == obj.Size && !s.misleads.Load()
	seen := comparison{}
	op := &operation{name: "GetObject", words: "read object", key: obj.Key, receive: func() int64 { return received }}
	_, err := run(ctx, s, op, func(ctx context.Context, c *s3.Client) (struct{}, error) {
		from, to := offset+done, offset+size
		in := &s3.GetObjectInput{
			Bucket: &s.cfg.Bucket, Key: &obj.Key, IfMatch: optional(obj.ETag),
			RequestPayer: s.payer(), ExpectedBucketOwner: s.owner(),
		}
		if obj.ByVersion {
			in.VersionId = &obj.VersionID
		}
		asking := tellChecksum
		if !whole || from > 0 {
			in.Range, asking = aws.String(fmt.Sprintf("bytes=%d-%d", from, to-1)), nil
		}
		out, err := c.GetObject(ctx, in, s3.WithAPIOptions(asking...))
		if err != nil {
			return struct{}{}, err
		}
		defer out.Body.Close()
		if err := checkRange(out, obj, from, to-from); err != nil {
			return struct{}{}, err
		}
		if asking != nil {
			seen.told = fullChecksum(out.ChecksumType, out.ChecksumCRC64NVME, out.ChecksumCRC32C, out.ChecksumCRC32)
		}
		n, err := fill(skip(p, done), out.Body)
		received += n
		if done += n; err == nil && !seen.equal(p) {
			if done, err = 0, errDamaged; seen.again {
				done, err = size, nil
				s.mislead(obj, seen.told)
			}
		}
		return struct{}{}, err
	})
	return err
}

// tellChecksum asks for the object's checksum. The SDK's own way would compute
// it as well, byte by byte.
var tellChecksum = []func(*middleware.Stack) error{
	smithyhttp.AddHeaderValue("X-Amz-Checksum-Mode", string(types.ChecksumModeEnabled)),
}

// comparison is of the bytes that arrived with the checksum that the store told.
type comparison struct {
	told  writer.Checksum // None if it told none
	got   uint64          // the last time
	tries int
	again bool // the bytes were the same as the time before
}

// equal tells whether p has the checksum, if that is known.
func (c *comparison) equal(p [][]byte) bool {
	got := uint64(0)
	for _, b := range p {
		got = c.told.Algorithm.Update(got, b)
	}
	c.again = c.tries > 0 && got == c.got
	c.tries, c.got = c.tries+1, got
	return got == c.told.Value
}

// mislead notes that the store tells wrong checksums.
func (s *Store) mislead(obj writer.Object, told writer.Checksum) {
	if !s.misleads.Swap(true) {
		s.cfg.Log.Warn("the store tells a checksum that the object does not have: what is read is not compared any more",
			"key", obj.Key, "algorithm", told.Algorithm.String(), "checksum", told.Base64())
	}
}

// checkRange refuses an answer that is not the n bytes from offset on of the
// object, such as the page of a proxy.
func checkRange(out *s3.GetObjectOutput, obj writer.Object, offset, n int64) error {
	var first, last, size int64
	if got := aws.ToString(out.ETag); got != "" && obj.ETag != "" && strings.TrimPrefix(got, "W/") != obj.ETag {
		return fmt.Errorf("%w: it is of the object %s instead of %s", errRange, got, obj.ETag)
	} else if got == "" && out.ContentRange == nil {
		return fmt.Errorf("%w: it has no ETag", errRange)
	}
	if out.ContentRange == nil { // the whole object
		last = aws.ToInt64(out.ContentLength) - 1
	} else if fields, err := fmt.Sscanf(*out.ContentRange, "bytes %d-%d/%d", &first, &last, &size); fields < 2 {
		return fmt.Errorf("%w: %q: %w", errRange, *out.ContentRange, err)
	} else if fields == 3 && size != obj.Size && obj.Size > 0 {
		return fmt.Errorf("%w: %d bytes instead of %d", errReplaced, size, obj.Size)
	}
	if first != offset || last < offset+n-1 {
		return fmt.Errorf("%w: bytes %d-%d instead of %d-%d", errRange, first, last, offset, offset+n-1)
	}
	return nil
}

// skip leaves out the first n bytes of p.
func skip(p [][]byte, n int64) [][]byte {
	for len(p) > 0 && n >= int64(len(p[0])) {
		n -= int64(len(p[0]))
		p = p[1:]
	}
	if n == 0 {
		return p
	}
	return append([][]byte{p[0][n:]}, p[1:]...)
}

// fill reads until p is full. The read past the end shows net/http the end of
// the body, without which it would not use the connection again.
func fill(p [][]byte, r io.Reader) (done int64, err error) {
	for _, b := range p {
		n, err := io.ReadFull(r, b)
		done += int64(n)
		if err != nil {
			return done, noEOF(err)
		}
	}
	var end [1]byte
	if _, err := r.Read(end[:]); err != nil && err != io.EOF {
		return done, nil // everything that was asked for is here
	}
	return done, nil
}

// noEOF makes an error of an end that comes too early.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
