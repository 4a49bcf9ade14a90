package s3server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// Client gives a client that speaks to the server directly.
func (s *Server) Client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(s.Endpoint),
		Region:       s.Region,
		Credentials:  credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, ""),
		UsePathStyle: true,
	})
}

// CreateBucket makes an empty bucket.
func (s *Server) CreateBucket(ctx context.Context, name string) error {
	_, err := s.Client().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name})
	return err
}

// Bucket is a bucket as another client sees it. What cannot be found out about
// it ends the test.
type Bucket struct {
	Name   string
	client *s3.Client
}

var buckets atomic.Int64

// NewBucket makes a bucket that no other test of this process uses.
func (s *Server) NewBucket(tb testing.TB) *Bucket {
	tb.Helper()
	name := fmt.Sprintf("bucket-%d", buckets.Add(1))
	if err := s.CreateBucket(context.Background(), name); err != nil {
		tb.Fatalf("create bucket: %v", err)
	}
	return &Bucket{Name: name, client: s.Client()}
}

// Bytes is the content of an object.
func (b *Bucket) Bytes(tb testing.TB, key string) []byte {
	tb.Helper()
	o, err := b.client.GetObject(context.Background(), &s3.GetObjectInput{Bucket: &b.Name, Key: &key})
	if err != nil {
		tb.Fatalf("get %q: %v", key, err)
	}
	defer o.Body.Close()
	p, err := io.ReadAll(o.Body)
	if err != nil {
		tb.Fatalf("get %q: %v", key, err)
	}
	return p
}

// Head describes an object, with its checksum.
func (b *Bucket) Head(tb testing.TB, key string) *s3.HeadObjectOutput {
	tb.Helper()
	o, err := b.client.HeadObject(context.Background(), &s3.HeadObjectInput{
		Bucket: &b.Name, Key: &key, ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		tb.Fatalf("head %q: %v", key, err)
	}
	return o
}

// Exists tells whether there is an object.
func (b *Bucket) Exists(tb testing.TB, key string) bool {
	tb.Helper()
	_, err := b.client.HeadObject(context.Background(), &s3.HeadObjectInput{Bucket: &b.Name, Key: &key})
	var answer smithy.APIError
	if errors.As(err, &answer) && answer.ErrorCode() == "NotFound" {
		return false
	}
	if err != nil {
		tb.Fatalf("head %q: %v", key, err)
	}
	return true
}

// Put makes an object, as another writer does.
func (b *Bucket) Put(tb testing.TB, key string, p []byte) {
	tb.Helper()
	_, err := b.client.PutObject(context.Background(), &s3.PutObjectInput{
		Bucket: &b.Name, Key: &key, Body: bytes.NewReader(p),
	})
	if err != nil {
		tb.Fatalf("put %q: %v", key, err)
	}
}

// Delete removes an object, as another writer does.
func (b *Bucket) Delete(tb testing.TB, key string) {
	tb.Helper()
	if _, err := b.client.DeleteObject(context.Background(), &s3.DeleteObjectInput{Bucket: &b.Name, Key: &key}); err != nil {
		tb.Fatalf("delete %q: %v", key, err)
	}
}

// Keys are the keys of all objects, in order.
func (b *Bucket) Keys(tb testing.TB) []string {
	tb.Helper()
	var keys []string
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.Name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			tb.Fatalf("list: %v", err)
		}
		for _, o := range page.Contents {
			keys = append(keys, *o.Key)
		}
	}
	return keys
}

// Uploads are the keys of the uploads that are neither completed nor aborted.
func (b *Bucket) Uploads(tb testing.TB) []string {
	tb.Helper()
	var keys []string
	pages := s3.NewListMultipartUploadsPaginator(b.client, &s3.ListMultipartUploadsInput{Bucket: &b.Name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			tb.Fatalf("list uploads: %v", err)
		}
		for _, u := range page.Uploads {
			keys = append(keys, *u.Key)
		}
	}
	return keys
}
