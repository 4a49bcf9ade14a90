// Package s3store speaks S3. It satisfies writer.Store and the mount's view of
// a bucket with the AWS SDK, and is the only package beside the command that
// knows the SDK's types.
//
// The model: a method is one S3 operation, an operation is a series of
// attempts (attempt.go), an attempt is one HTTP request under a watch that ends
// it when nothing moves any more (watch.go). Which answer is worth another
// attempt, and what class of fault a final one is, stands in one table
// (errors.go). An answer that was lost is resolved by looking at the object
// (identity.go). What a store that is not Amazon's refuses is left out from
// then on, with one line in the log (feature.go).
package s3store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/cenkalti/backoff/v5"

	"github.com/s3mpfs/s3mpfs/writer"
)

// Config says which bucket, how to reach it, and what every object of the
// mount gets. The zero value of a field means its default.
type Config struct {
	Bucket              string // name, or ARN of an access point
	EndpointURL         string // empty: Amazon's, or what the SDK's configuration names
	Region              string // empty: the SDK's configuration, else the bucket's own
	Profile             string // of ~/.aws/config and ~/.aws/credentials
	NoSignRequest       bool   // anonymous requests
	ForcePathStyle      bool   // BUCKET in the path of the URL; by itself for endpoints that are not AWS
	RequesterPays       bool
	ExpectedBucketOwner string // account ID; any other owner is refused by S3

	ACL          string            // canned ACL
	StorageClass string            // of new objects
	SSE          string            // AES256, aws:kms or aws:kms:dsse
	SSEKMSKeyID  string            // with aws:kms
	CacheControl string            // header stored with new objects
	Metadata     map[string]string // user metadata of new objects; an object's own comes first
	Tagging      map[string]string // tags of new objects

	Checksum       writer.Algorithm // of multipart uploads; a single object carries its body's
	RetryTimeout   time.Duration    // how long one operation is tried again; 10 minutes
	StallTimeout   time.Duration    // how long a request may stand still; 30 seconds
	MaxConnections int              // connections kept open; 64
	UserAgent      string           // product and version, such as "s3mpfs/1.0"
	Log            *slog.Logger     // takes what the store was found not to know; nothing by default
	Observe        func(Attempt)    // called after each attempt, from many goroutines

	Transport   http.RoundTripper       // instead of the tuned one
	Credentials aws.CredentialsProvider // instead of the SDK's default chain

	newBackOff func() backoff.BackOff // the pauses between attempts
	label      bool                   // see versitygw.labels
}

// Store is one bucket. All methods are safe for concurrent use.
type Store struct {
	cfg         Config
	client      atomic.Pointer[s3.Client] // replaced when another region is adopted
	transport   http.RoundTripper
	credentials *aws.CredentialsCache // nil when requests are not signed
	custom      bool                  // the endpoint is not Amazon's
	reached     atomic.Bool           // the endpoint has answered once
	tells       atomic.Bool           // a listing tells the algorithm of each object's checksum
	misleads    atomic.Bool           // it told a checksum that is not the object's
	refused     featureSet            // what the store was found not to know
	versity     versitygw
}

var _ writer.Store = (*Store)(nil)

// Open prepares the access to a bucket. It sends no request but, where Amazon's
// endpoint is used and no region is configured, one that asks for the bucket's
// region. Call Check to learn whether the bucket can be used.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	sdk, err := cfg.load(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the AWS configuration: %w", err)
	}
	s := &Store{cfg: cfg, transport: cfg.Transport}
	s.refused.log, s.versity.labels = cfg.Log, cfg.label
	if s.transport == nil {
		s.transport = newTransport(sdk.HTTPClient, cfg.MaxConnections)
	}
	if provider := cfg.credentials(); provider != nil {
		s.credentials = aws.NewCredentialsCache(provider, renewEarly)
	}
	client := s3.NewFromConfig(sdk, s.configure)
	s.client.Store(client)
	s.tells.Store(!s.custom)
	if sdk.Region == "" && !s.custom {
		if err := s.findRegion(ctx); err != nil {
			s.Close()
			return nil, s.explain(err)
		}
	}
	return s, nil
}

// Close gives the idle connections back.
func (s *Store) Close() error {
	if t, ok := s.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
	return nil
}

// complete fills in the defaults and refuses what cannot work.
func (c *Config) complete() error {
	if c.Bucket == "" {
		return errors.New("no bucket named")
	}
	if c.EndpointURL != "" {
		u, err := url.Parse(c.EndpointURL)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return fmt.Errorf("endpoint URL %q: write it as https://HOST or http://HOST:PORT", c.EndpointURL)
		}
	}
	c.RetryTimeout = cmp.Or(c.RetryTimeout, 10*time.Minute)
	c.StallTimeout = cmp.Or(c.StallTimeout, 30*time.Second)
	c.MaxConnections = cmp.Or(c.MaxConnections, 64)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Observe == nil {
		c.Observe = func(Attempt) {}
	}
	if c.newBackOff == nil {
		c.newBackOff = fullJitter
	}
	return nil
}
