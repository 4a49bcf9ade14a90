package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/s3server"
)

// store is an S3 server that all tests share. What a server cannot do is told
// here and nowhere else.
type store struct {
	*s3server.Server
	// checksums: it verifies and keeps the checksums that it is sent.
	checksums bool
	// ifMatch: it honours If-Match in CompleteMultipartUpload.
	ifMatch bool
	// lines: it takes keys of several lines.
	lines bool
	// slow: a request takes tens of milliseconds.
	slow bool
}

// stores are the servers that run.
type stores struct {
	dir string // where they may keep what they keep

	mu   sync.Mutex // guards what follows; held while a server starts
	vgw  *store
	moto *store
}

var all stores

func (a *stores) versitygw(t *testing.T) *store {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.vgw == nil {
		s, err := s3server.Run(context.Background(), filepath.Join(a.dir, "versitygw"))
		if err != nil {
			t.Fatal(err)
		}
		a.vgw = &store{Server: s, checksums: true, ifMatch: true, lines: true}
	}
	return a.vgw
}

func (a *stores) startMoto(t *testing.T, program string) *store {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.moto == nil {
		s, err := s3server.RunMoto(context.Background(), program)
		if err != nil {
			t.Fatal(err)
		}
		a.moto = &store{Server: s, slow: true}
	}
	return a.moto
}

func (a *stores) stop() {
	for _, s := range []*store{a.vgw, a.moto} {
		if s == nil {
			continue
		}
		if err := s.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

// onEachStore runs a test over every S3 server that this machine has.
func onEachStore(t *testing.T, test func(t *testing.T, s *store)) {
	t.Parallel()
	t.Run("versitygw", func(t *testing.T) {
		t.Parallel()
		test(t, all.versitygw(t))
	})
	onMoto(t, test)
}

// onMoto runs a test over moto, where this machine has it.
func onMoto(t *testing.T, test func(t *testing.T, s *store)) {
	program, err := exec.LookPath("moto_server")
	if err != nil {
		return
	}
	t.Run("moto", func(t *testing.T) {
		t.Parallel()
		test(t, all.startMoto(t, program))
	})
}
