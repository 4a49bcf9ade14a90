package s3store

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
)

// load reads the SDK's default chain: environment, shared files, roles.
func (c *Config) load(ctx context.Context) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{config.WithLogger(logging.Nop{})}
	if c.Region != "" {
		options = append(options, config.WithRegion(c.Region))
	}
	if c.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(c.Profile))
	}
	return config.LoadDefaultConfig(ctx, options...)
}

// configure sets the SDK's client up. Checksums are computed by whoever fills
// the parts and go into a header; the payload is not signed, over plain http
// neither, because that checksum protects it at a fraction of SHA-256's cost;
// and every call is one attempt, because the attempts are counted here.
func (s *Store) configure(o *s3.Options) {
	if s.cfg.EndpointURL != "" {
		o.BaseEndpoint = aws.String(s.cfg.EndpointURL)
	}
	host := endpointHost(o.BaseEndpoint)
	s.custom = host != "" && !isAmazon(host)
	o.UsePathStyle = s.cfg.ForcePathStyle || s.custom && !needsVirtualHost(host)
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	o.HTTPClient = &watchedClient{s.transport}
	o.Credentials = aws.AnonymousCredentials{}
	if s.credentials != nil {
		o.Credentials = s.credentials
	}
	o.Retryer = aws.NopRetryer{}
	o.RetryMaxAttempts = 0
	o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	o.DisableLogOutputChecksumValidationSkipped = true
	o.ContinueHeaderThresholdBytes = -1 // a round trip for each part otherwise
	o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
	if name, version, _ := strings.Cut(s.cfg.UserAgent, "/"); name != "" {
		o.APIOptions = append(o.APIOptions, awsmiddleware.AddUserAgentKeyValue(name, version))
	}
}

func endpointHost(endpoint *string) string {
	if endpoint == nil {
		return ""
	}
	u, err := url.Parse(*endpoint)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

func isAmazon(host string) bool {
	return strings.HasSuffix(host, ".amazonaws.com") || strings.HasSuffix(host, ".amazonaws.com.cn")
}

// needsVirtualHost names the stores that refuse the bucket in the URL's path:
// Aliyun OSS (SecondLevelDomainForbidden) and Tencent COS
// (PathStyleDomainForbidden).
func needsVirtualHost(host string) bool {
	return strings.HasSuffix(host, ".aliyuncs.com") || strings.HasSuffix(host, ".myqcloud.com")
}

// credentials gives the source of credentials, nil for anonymous requests.
func (c *Config) credentials() aws.CredentialsProvider {
	switch {
	case c.NoSignRequest:
		return nil
	case c.Credentials != nil:
		return provider{c.Credentials.Retrieve}
	}
	return provider{func(ctx context.Context) (aws.Credentials, error) {
		sdk, err := c.load(ctx)
		if err != nil {
			return aws.Credentials{}, err
		}
		return sdk.Credentials.Retrieve(ctx)
	}}
}

// provider reads credentials. The default chain is walked anew each time,
// because the SDK reads the shared files only once, and people replace keys
// in them while a mount lives.
type provider struct {
	retrieve func(context.Context) (aws.Credentials, error)
}

// Retrieve marks its failures so that they are known from those of a request.
func (p provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := p.retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, &credentialsError{err}
	}
	return c, nil
}

type credentialsError struct{ error }

func (e *credentialsError) Unwrap() error { return e.error }

// renewEarly asks for new credentials shortly before the old ones end, so that
// a request does not arrive with expired ones.
func renewEarly(o *aws.CredentialsCacheOptions) {
	o.ExpiryWindow = 5 * time.Second
}
