// Command demo is what scripts/demo needs beside s3mpfs: an S3 server on this
// machine, and another client that looks at what is in a bucket.
//
//	demo serve DIR     runs a server that keeps everything in DIR, makes the
//	                   bucket, writes the variables by which clients find the
//	                   server to DIR/env, and stays until it is terminated
//	demo show DIR      lists the objects with what S3 knows of them, and
//	                   compares each with the file of its name in DIR
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
	return errors.New("usage: demo serve DIR | demo show DIR")
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

// show prints a table of the objects in the bucket. One that differs from its
// local copy is an error.
func show(ctx context.Context, dir string) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	listed, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(bucket)})
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "OBJECT\tSIZE\tPARTS\tTYPE\tCRC64NVME\tCONTENT")
	var errs []error
	for _, o := range listed.Contents {
		row, err := describe(ctx, client, *o.Key, filepath.Join(dir, *o.Key))
		errs = append(errs, err)
		fmt.Fprintln(table, row)
	}
	return errors.Join(append(errs, table.Flush())...)
}

// describe fetches an object, compares it with a file and gives its row.
func describe(ctx context.Context, client *s3.Client, key, file string) (string, error) {
	o, err := client.GetObject(ctx, &s3.GetObjectInput{
		Bucket: aws.String(bucket), Key: &key, ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		return key, err
	}
	defer o.Body.Close()
	local, err := os.Open(file)
	if err != nil {
		return key, err
	}
	defer local.Close()
	content := "SHA-256 equals the local copy's"
	remote, err := sum(o.Body)
	want, localErr := sum(local)
	if err = errors.Join(err, localErr); err == nil && remote != want {
		content, err = "DIFFERS from the local copy", fmt.Errorf("%s differs from %s", key, file)
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s", key, size.Size(aws.ToInt64(o.ContentLength)).About(),
		parts(aws.ToString(o.ETag)), aws.ToString(o.ContentType), aws.ToString(o.ChecksumCRC64NVME), content), err
}

func sum(r io.Reader) (digest [sha256.Size]byte, err error) {
	hash := sha256.New()
	_, err = io.Copy(hash, r)
	return [sha256.Size]byte(hash.Sum(nil)), err
}

// parts reads the number of parts from the ETag of an object that was made of
// several; any other was made in one request.
func parts(etag string) string {
	if _, count, several := strings.Cut(strings.Trim(etag, `"`), "-"); several {
		return count
	}
	return "1"
}
