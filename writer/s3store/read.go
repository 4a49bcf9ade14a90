package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/s3mpfs/s3mpfs/writer"
)

// errRange says that the store answered with other bytes than were asked for.
var errRange = errors.New("the answer is not the range that was asked for")

// ReadRange implements writer.Store. An attempt that ends half way keeps what
// it has read: the next one asks for the rest.
func (s *Store) ReadRange(ctx context.Context, obj writer.Object, offset int64, p ...[]byte) error {
	var size, done int64
	for _, b := range p {
		size += int64(len(b))
	}
	if size == 0 {
		return nil
	}
	op := &operation{name: "GetObject", words: "read object", key: obj.Key, receive: func() int64 { return done }}
	_, err := run(ctx, s, op, func(ctx context.Context, c *s3.Client) (struct{}, error) {
		from, to := offset+done, offset+size
		in := &s3.GetObjectInput{
			Bucket: &s.cfg.Bucket, Key: &obj.Key, IfMatch: optional(obj.ETag),
			Range:        aws.String(fmt.Sprintf("bytes=%d-%d", from, to-1)),
			RequestPayer: s.payer(), ExpectedBucketOwner: s.owner(),
		}
		if obj.ByVersion {
			in.VersionId = &obj.VersionID
		}
		out, err := c.GetObject(ctx, in)
		if err != nil {
			return struct{}{}, err
		}
		defer out.Body.Close()
		if err := checkRange(out, obj.ETag, from, to-from); err != nil {
			return struct{}{}, err
		}
		n, err := fill(skip(p, done), out.Body)
		done += n
		return struct{}{}, err
	})
	return err
}

// checkRange refuses an answer that is not the n bytes from offset on of the
// object with this ETag, such as the page of a proxy.
func checkRange(out *s3.GetObjectOutput, etag string, offset, n int64) error {
	var first, last int64
	if got := aws.ToString(out.ETag); got != "" && etag != "" && strings.TrimPrefix(got, "W/") != etag {
		return fmt.Errorf("%w: it is of the object %s instead of %s", errRange, got, etag)
	} else if got == "" && out.ContentRange == nil {
		return fmt.Errorf("%w: it has no ETag", errRange)
	}
	if out.ContentRange == nil { // the whole object
		last = aws.ToInt64(out.ContentLength) - 1
	} else if _, err := fmt.Sscanf(*out.ContentRange, "bytes %d-%d/", &first, &last); err != nil {
		return fmt.Errorf("%w: %q", errRange, *out.ContentRange)
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
