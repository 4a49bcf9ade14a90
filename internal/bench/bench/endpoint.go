package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/s3mpfs/s3mpfs/internal/s3discard"
)

const bucket = "bench"

// endpoint is a running s3discard.
type endpoint struct {
	url         string
	env         []string // of its clients
	certificate string   // empty over http
	server      *exec.Cmd
	http        *http.Client
}

func startEndpoint(o options, flags []string, secure bool) (*endpoint, error) {
	e := &endpoint{http: http.DefaultClient}
	e.env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS") }),
		"AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench", "AWS_REGION=us-east-1",
		"AWSACCESSKEYID=bench", "AWSSECRETACCESSKEY=bench") // s3fs
	if secure {
		e.certificate = filepath.Join(o.temp, "certificate")
		flags = append(flags, "-tls", e.certificate)
	}
	e.server = exec.Command(filepath.Join(o.programs, "s3discard"), flags...)
	e.server.Stderr = os.Stderr
	out, err := e.server.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := e.server.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil && secure {
		err = e.trust()
	}
	e.url = strings.TrimSpace(line)
	return e, err
}

// trustingEnv is the environment of clients that know the SDK's AWS_CA_BUNDLE.
func (e *endpoint) trustingEnv() []string {
	if e.certificate == "" {
		return e.env
	}
	return append(slices.Clone(e.env), "AWS_CA_BUNDLE="+e.certificate)
}

func (e *endpoint) trust() error {
	text, err := os.ReadFile(e.certificate)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	e.http = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	return nil
}

func (e *endpoint) stop() error {
	if err := e.server.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return e.server.Wait()
}

// do makes a request, which the endpoint takes without a signature.
func (e *endpoint) do(method, path string, body io.Reader, n int64, header ...string) ([]byte, error) {
	r, err := http.NewRequest(method, e.url+path, body)
	if err != nil {
		return nil, err
	}
	r.ContentLength = n
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := e.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text)
	}
	return text, err
}

func (e *endpoint) forgetStats() error {
	_, err := e.do(http.MethodDelete, "/_stats", nil, 0)
	return err
}

func (e *endpoint) stats() (stats s3discard.Stats, err error) {
	text, err := e.do(http.MethodGet, "/_stats", nil, 0)
	if err != nil {
		return nil, err
	}
	return stats, json.Unmarshal(text, &stats)
}

// object makes a new object, whose name ends as the floor wants it. The bytes
// are sent for the first of a size and copied for the others.
func (e *endpoint) object(n int64) (key string, err error) {
	first := fmt.Sprintf("/%s/object.%d", bucket, n)
	if _, err := e.do(http.MethodHead, first, nil, 0); err != nil {
		if _, err := e.do(http.MethodPut, first, io.LimitReader(random, n), n); err != nil {
			return "", err
		}
	}
	key = fmt.Sprintf("object-%s.%d", next(), n)
	return key, e.copyAsUpload(first, "/"+bucket+"/"+key)
}

// copyAsUpload copies an object into one that was made by a multipart upload,
// because clients take the ETag of any other for its MD5.
func (e *endpoint) copyAsUpload(src, dst string) error {
	text, err := e.do(http.MethodPost, dst+"?uploads", nil, 0)
	if err != nil {
		return err
	}
	var upload struct{ UploadId string }
	if err := xml.Unmarshal(text, &upload); err != nil {
		return err
	}
	text, err = e.do(http.MethodPut, dst+"?partNumber=1&uploadId="+upload.UploadId, nil, 0, "X-Amz-Copy-Source", src)
	if err != nil {
		return err
	}
	var part struct{ ETag string }
	if err := xml.Unmarshal(text, &part); err != nil {
		return err
	}
	all := "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + strings.Trim(part.ETag, `"`) + "</ETag></Part></CompleteMultipartUpload>"
	_, err = e.do(http.MethodPost, dst+"?uploadId="+upload.UploadId, strings.NewReader(all), int64(len(all)))
	return err
}
