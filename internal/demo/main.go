// Command demo is what scripts/demo needs beside s3mpfs: an S3 server on this
// machine, and another client that looks at what is in a bucket.
//
//	demo serve DIR     runs a server that keeps everything in DIR, makes the
//	                   bucket, writes the variables by which clients find the
//	                   server to DIR/env, and stays until it is terminated
//	demo show BUCKET   lists the objects with what only S3 can know of them
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/s3mpfs/s3mpfs/internal/s3server"
	"github.com/s3mpfs/s3mpfs/internal/size"
)

// bucket is what serve makes.
const bucket = "films"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	switch {
	case len(args) == 2 && args[0] == "serve":
		return serve(ctx, args[1])
	case len(args) == 2 && args[0] == "show":
		return show(ctx, args[1])
	}
	return errors.New("usage: demo serve DIR | demo show BUCKET")
}

// serve runs the server until ctx ends.
func serve(ctx context.Context, dir string) error {
	server, err := s3server.Run(ctx, dir)
	if err != nil {
		return err
	}
	if err := prepare(ctx, server, filepath.Join(dir, "env")); err != nil {
		return errors.Join(err, server.Close())
	}
	<-ctx.Done()
	return server.Close()
}

// prepare makes the bucket, and then the file env, whole.
func prepare(ctx context.Context, server *s3server.Server, env string) error {
	if err := server.CreateBucket(ctx, bucket); err != nil {
		return err
	}
	var text strings.Builder
	for _, variable := range server.Env() {
		fmt.Fprintf(&text, "export %s\n", variable)
	}
	if err := os.WriteFile(env+".new", []byte(text.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(env+".new", env)
}

// show prints a table of the objects of a bucket.
func show(ctx context.Context, bucket string) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "OBJECT\tSIZE\tPARTS\tTYPE\tCRC64NVME\tSHA-256 OF WHAT S3 RETURNS")
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, o := range page.Contents {
			row, err := describe(ctx, client, bucket, *o.Key)
			if err != nil {
				return err
			}
			fmt.Fprintln(table, row)
		}
	}
	return table.Flush()
}

// describe fetches an object and gives its row.
func describe(ctx context.Context, client *s3.Client, bucket, key string) (string, error) {
	o, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		return "", err
	}
	defer o.Body.Close()
	hash := sha256.New()
	n, err := io.Copy(hash, o.Body)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%x", key, size.Size(n).About(), parts(aws.ToString(o.ETag)),
		aws.ToString(o.ContentType), aws.ToString(o.ChecksumCRC64NVME), hash.Sum(nil)), nil
}

// parts reads the number of parts from the ETag of an object that was made of
// several; any other was made in one request.
func parts(etag string) string {
	if _, count, several := strings.Cut(strings.Trim(etag, `"`), "-"); several {
		return count
	}
	return "1"
}
