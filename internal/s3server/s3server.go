// Package s3server runs real S3 servers for tests and demonstrations: a
// versitygw, which keeps objects as plain files in a folder and checks what S3
// checks, and a moto where one is installed. It reaches into them with the AWS
// SDK directly, independently of the code under test.
//
// A server is a process of its own on a free port of 127.0.0.1. It dies with
// the process that started it, whatever way that ends.
package s3server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Server is a running S3 server.
type Server struct {
	Endpoint  string // URL
	AccessKey string
	SecretKey string
	Region    string
	// Dir holds a folder for each bucket, in which the objects lie as plain
	// files; empty for a server that keeps them in memory.
	Dir string

	proc *process
}

// startTimeout is how long a server may take until it answers. moto needs some
// seconds where two processors are shared with a compiler.
const startTimeout = time.Minute

// Start runs a versitygw on a temporary folder until the test ends.
func Start(tb testing.TB) *Server {
	tb.Helper()
	return started(tb, func(ctx context.Context) (*Server, error) { return Run(ctx, tb.TempDir()) })
}

// StartMoto runs moto until the test ends; false where it is not installed.
func StartMoto(tb testing.TB) (*Server, bool) {
	tb.Helper()
	program, err := exec.LookPath("moto_server")
	if err != nil {
		return nil, false
	}
	return started(tb, func(ctx context.Context) (*Server, error) { return RunMoto(ctx, program) }), true
}

func started(tb testing.TB, run func(context.Context) (*Server, error)) *Server {
	tb.Helper()
	s, err := run(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// Run starts a versitygw that keeps everything in dir, builds it first if
// there is none yet, and returns when it answers. ctx bounds the start alone;
// Close ends the server and leaves dir.
func Run(ctx context.Context, dir string) (*Server, error) {
	program, err := versitygw(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{AccessKey: "test", SecretKey: "testtest", Region: "us-east-1", Dir: filepath.Join(dir, "buckets")}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return nil, err
	}
	metadata, err := metadataFlags(s.Dir, filepath.Join(dir, "metadata"))
	if err != nil {
		return nil, err
	}
	return s, s.run(ctx, func(port string) *exec.Cmd {
		args := []string{"--port", "127.0.0.1:" + port, "--region", s.Region, "--keep-alive", "--quiet", "posix"}
		cmd := exec.Command(program, append(append(args, metadata...), s.Dir)...)
		cmd.Env = []string{"HOME=" + dir, "ROOT_ACCESS_KEY_ID=" + s.AccessKey, "ROOT_SECRET_ACCESS_KEY=" + s.SecretKey}
		return cmd
	})
}

// metadataFlags tell versitygw to keep what belongs to an object in files
// under sidecar, where the file system of dir has no extended attributes.
func metadataFlags(dir, sidecar string) ([]string, error) {
	err := unix.Setxattr(dir, "user.s3mpfs", []byte("test"), 0)
	if err == nil {
		return nil, unix.Removexattr(dir, "user.s3mpfs")
	}
	if !errors.Is(err, unix.ENOTSUP) && !errors.Is(err, unix.EPERM) {
		return nil, fmt.Errorf("set an extended attribute of %s: %w", dir, err)
	}
	return []string{"--sidecar", sidecar}, os.MkdirAll(sidecar, 0o755)
}

// RunMoto is Run for a moto, whose path is program and which keeps everything in
// memory.
func RunMoto(ctx context.Context, program string) (*Server, error) {
	s := &Server{AccessKey: "test", SecretKey: "testtest", Region: "us-east-1"}
	return s, s.run(ctx, func(port string) *exec.Cmd {
		cmd := exec.Command(program, "-H", "127.0.0.1", "-p", port)
		cmd.Env = os.Environ()
		return cmd
	})
}

// run starts command on a free port. Another process may take the port before
// the server does, so a server that ends at once is given another.
func (s *Server) run(ctx context.Context, command func(port string) *exec.Cmd) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var err error
	for range 3 {
		var port string
		if port, err = freePort(); err != nil {
			return err
		}
		s.Endpoint = "http://127.0.0.1:" + port
		if s.proc, err = start(command(port)); err != nil {
			return err
		}
		if err = s.wait(ctx); err == nil {
			return nil
		}
		err = errors.Join(err, s.proc.stop())
	}
	return err
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// wait returns when the server answers, whatever it says, or when it ended.
func (s *Server) wait(ctx context.Context) error {
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			return response.Body.Close()
		}
		select {
		case <-s.proc.ended:
			return fmt.Errorf("the S3 server ended at its start: %s", s.proc.output())
		case <-ctx.Done():
			return fmt.Errorf("the S3 server does not answer: %w: %s", err, s.proc.output())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Close ends the server.
func (s *Server) Close() error { return s.proc.stop() }

// Env gives the variables by which a child process finds the server and
// nothing but the server.
func (s *Server) Env() []string {
	return []string{
		"AWS_ACCESS_KEY_ID=" + s.AccessKey,
		"AWS_SECRET_ACCESS_KEY=" + s.SecretKey,
		"AWS_REGION=" + s.Region,
		"AWS_DEFAULT_REGION=" + s.Region, // the AWS CLI's
		"AWS_ENDPOINT_URL=" + s.Endpoint,
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null",
	}
}
