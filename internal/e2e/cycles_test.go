package e2e

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"sync"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/s3discard"
)

// held is what a mount's process holds.
type held struct{ descriptors, goroutines int }

func (m *mount) held(address string) held {
	m.t.Helper()
	descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", m.cmd.Process.Pid))
	if err != nil {
		m.t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^go_goroutines (\d+)$`).FindStringSubmatch(fetch(m.t, "http://"+address+"/metrics"))
	if found == nil {
		m.t.Fatal("no metric of goroutines")
	}
	goroutines, err := strconv.Atoi(found[1])
	if err != nil {
		m.t.Fatal(err)
	}
	return held{len(descriptors), goroutines}
}

// TestCycles opens and closes 20,000 files, of which most are written, and finds
// no more descriptors and goroutines than before, nor memory that is held.
func TestCycles(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	m, _ := discarding(t, s3discard.Options{}, "--metrics-addr", address)
	m.cycle(800)
	m.atRest(address)
	before := m.held(address)
	m.cycle(20_000)
	after := m.atRest(address)
	// Each of the eight may come to use two connections more, of two goroutines
	// each; what is lost once in a thousand cycles would be more than that.
	if after.descriptors > before.descriptors+16 || after.goroutines > before.goroutines+40 {
		t.Errorf("%+v after 20,000 cycles, %+v before", after, before)
	}
	m.wantMemory(320 * mib)
}

// cycle opens, writes or reads, and closes n files, eight at a time.
func (m *mount) cycle(n int) {
	m.t.Helper()
	const together = 8
	var workers sync.WaitGroup
	for w := range together {
		workers.Go(func() {
			for i := range n / together {
				if err := m.once(fmt.Sprintf("file-%d-%d", w, i%50), i); err != nil {
					m.t.Error(err)
					return
				}
			}
		})
	}
	workers.Wait()
}

func (m *mount) once(name string, i int) error {
	if i%4 == 3 { // one that the rounds before have written
		f, err := os.Open(m.path(name[:len("file-0-")] + strconv.Itoa((i-1)%50)))
		if err != nil {
			return err
		}
		return f.Close()
	}
	return m.writeFile(name, []byte(name))
}

// atRest waits until no connection or goroutine goes on ending.
func (m *mount) atRest(address string) held {
	m.t.Helper()
	last := m.held(address)
	m.eventually("the mount is at rest", func() bool {
		now := m.held(address)
		same := now == last
		last = now
		return same
	})
	return last
}
