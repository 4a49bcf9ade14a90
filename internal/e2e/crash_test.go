package e2e

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/faultproxy"
	"github.com/s3mpfs/s3mpfs/internal/modeltest"
)

var killSeed = flag.Uint64("kill.seed", 0, "seed of TestKilledMount, 0 for another each time")

// TestKilledMount kills the mount at random moments of a workload. What was
// reported as done is there, what was not is as before or after and nothing
// between, what is left is listed, and the next mount clears the mount point.
func TestKilledMount(t *testing.T) {
	t.Parallel()
	seed := *killSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("again with -kill.seed=%d", seed)
	rounds := 10
	if modeltest.Long() {
		rounds = 50
	}
	b := newBucket(t, all.versitygw(t))
	w := &workload{bucket: b, random: rand.New(rand.NewPCG(seed, 0)), objects: map[string][]byte{}}
	proxy := b.behindProxy()
	flags := []string{"--atomic", "--part-size", "5MiB", "--metadata-ttl", "0s", "--retry-timeout", "10s"}
	m := b.mount(flags...)
	for range rounds {
		at := 1 + w.random.IntN(120)
		proxy.Set(faultproxy.Rule{Nth: at, Action: faultproxy.Delay})
		working := make(chan struct{})
		go func() {
			defer close(working)
			w.run(m)
		}()
		w.await(proxy)
		m.signal(syscall.SIGKILL)
		<-m.exited
		<-working
		proxy.AwaitIdle()
		w.check(at)
		m = m.again(flags...)
	}
	// What is left is what the killed ones had begun; the list names each.
	left := m.b.Uploads(t)
	if listed := m.left(); len(listed) != len(left) {
		t.Errorf("uploads list has %d of %d uploads", len(listed), len(left))
	}
	if len(left) > 0 {
		if code, output := m.uploads("abort", "", "--older-than", "1ns", "--yes"); code != 0 {
			t.Errorf("uploads abort: exit code %d: %s", code, output)
		}
	}
}

// workload writes, appends to, edits, renames and removes a few files for ever.
type workload struct {
	*bucket
	random  *rand.Rand
	objects map[string][]byte // what must be in the bucket
	step    int

	// doing is what was under way when the mount died: the objects that it
	// changes, as they would be after it; nil for one that would be gone.
	doing map[string][]byte
}

const workloadFiles = 5

// run works until something fails.
func (w *workload) run(m *mount) {
	for {
		w.step++
		a, b := w.name(), w.name()
		old := w.objects[a]
		var act func() error
		switch kind := w.random.IntN(6); {
		case kind == 0 && old != nil:
			w.doing = map[string][]byte{a: nil}
			act = func() error { return os.Remove(m.path(a)) }
		case kind == 1 && old != nil && a != b:
			w.doing = map[string][]byte{a: nil, b: old}
			act = func() error { return os.Rename(m.path(a), m.path(b)) }
		case kind == 2 && old != nil:
			more := w.content(1000)
			w.doing = map[string][]byte{a: append(bytes.Clone(old), more...)}
			act = func() error {
				return m.change(a, os.O_WRONLY|os.O_APPEND, func(f *os.File) error { return wrote(f.Write(more)) })
			}
		case kind == 3:
			w.doing = map[string][]byte{a: w.content(11 * mib)}
			act = func() error { return m.writeFile(a, w.doing[a]) }
		default:
			w.doing = map[string][]byte{a: w.content(1 + w.random.IntN(5000))}
			act = func() error { return m.writeFile(a, w.doing[a]) }
		}
		if act() != nil {
			return
		}
		for name, p := range w.doing {
			w.settle(name, p)
		}
		w.doing = nil
	}
}

func (w *workload) name() string { return fmt.Sprintf("file-%d", w.random.IntN(workloadFiles)) }

// content depends on the step, so that no two are alike.
func (w *workload) content(n int) []byte {
	p := random(byte(w.step), n)
	copy(p, fmt.Sprintf("step %d", w.step))
	return p
}

func (w *workload) settle(name string, p []byte) {
	if p == nil {
		delete(w.objects, name)
		return
	}
	w.objects[name] = p
}

// await waits for the request at which the mount is killed.
func (w *workload) await(proxy *faultproxy.Proxy) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := proxy.AwaitStruck(ctx, 1); err != nil {
		w.t.Errorf("the workload stands still: %v", err)
	}
}

// check compares every file, and learns what became of what was under way.
func (w *workload) check(at int) {
	w.t.Helper()
	for i := range workloadFiles {
		name := fmt.Sprintf("file-%d", i)
		var got []byte
		if w.exists(name) {
			got = w.object(name)
		}
		want, doing := w.objects[name], false
		if after, ok := w.doing[name]; ok {
			doing = bytes.Equal(got, after) && (got == nil) == (after == nil)
		}
		if !doing && (!bytes.Equal(got, want) || (got == nil) != (want == nil)) {
			w.t.Errorf("killed at request %d, step %d: %s (under way: %v) is of %.8q: %s", at, w.step, name, w.doing != nil, got, difference(got, want))
		}
		w.settle(name, got)
	}
	w.doing = nil
}
