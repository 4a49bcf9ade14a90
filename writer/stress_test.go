package writer_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/s3mpfs/s3mpfs/internal/s3fake"
	"github.com/s3mpfs/s3mpfs/writer"
)

// TestManyWritersAtOnce runs programs side by side, each with a file of its
// own, in memory for a few of them: nobody waits for ever, and each finds what
// it wrote.
func TestManyWritersAtOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		programs := rapid.IntRange(2, 12).Draw(rt, "programs")
		unlinked := rapid.IntRange(0, programs/2).Draw(rt, "unlinked")
		runTogether(t, seed, programs, unlinked)
		if t.Failed() {
			rt.Fatal("see above")
		}
	})
}

func runTogether(t *testing.T, seed uint64, programs, unlinked int) {
	store, engine := small(t)
	store.Inject(func(c s3fake.Call) s3fake.Fault {
		for range c.N % 50 { // answers come in another order than the requests
			runtime.Gosched()
		}
		return s3fake.Fault{}
	})
	watch := time.AfterFunc(time.Minute, func() { panic("somebody waits for ever") })
	defer watch.Stop()
	var all sync.WaitGroup
	for i := range programs {
		p := &program{T: t, engine: engine, store: store, r: rand.New(rand.NewPCG(seed, uint64(i))), key: fmt.Sprint("key", i)}
		all.Go(func() { p.run(i < unlinked) })
	}
	all.Wait()
	if left := store.Uploads(); len(left) > 0 {
		t.Errorf("uploads left behind: %v", left)
	}
	if err := engine.Close(); err != nil {
		t.Error(err)
	}
}

// program writes one file and knows what must be in it.
type program struct {
	*testing.T
	engine *writer.Engine
	store  *s3fake.Store
	r      *rand.Rand
	key    string
	want   []byte
}

func (p *program) run(unlink bool) {
	f := p.engine.Create(p.key, writer.FileOptions{})
	if unlink {
		p.check(f.Unlink(removed))
	}
	for range 40 {
		p.step(f, unlink)
	}
	p.check(f.Close())
	if got, _ := p.store.Bytes(p.key); !unlink && !bytes.Equal(got, p.want) {
		p.Errorf("%s: object %v, want %v", p.key, got, p.want)
	}
}

func (p *program) check(err error) {
	if err != nil {
		p.Errorf("%s: %v", p.key, err)
	}
}

func (p *program) step(f *writer.File, unlinked bool) {
	switch p.r.IntN(7) {
	case 0:
		p.check(f.Publish())
	case 1:
		p.check(f.Drain())
	case 2:
		if !unlinked {
			p.read(f)
		}
	case 3:
		p.copy(f)
	default:
		p.write(f)
	}
}

func (p *program) write(f *writer.File) {
	off, b := p.r.IntN(len(p.want)+1), make([]byte, 1+p.r.IntN(30))
	for i := range b {
		b[i] = byte(p.r.Uint32())
	}
	_, err := f.WriteAt(b, int64(off))
	p.check(err)
	p.put(b, off)
}

func (p *program) put(b []byte, off int) {
	if end := off + len(b); end > len(p.want) {
		p.want = append(p.want, make([]byte, end-len(p.want))...)
	}
	copy(p.want[off:], b)
}

func (p *program) read(f *writer.File) {
	got := make([]byte, len(p.want))
	if _, err := f.ReadAt(got, 0); err != nil && err != io.EOF {
		p.check(err)
	} else if !bytes.Equal(got, p.want) {
		p.Errorf("%s: read %v, want %v", p.key, got, p.want)
	}
}

// copy lays a range of an object that nobody changes into the file.
func (p *program) copy(f *writer.File) {
	key := p.key + ".source"
	src, exists := p.store.Object(key)
	if !exists {
		src = p.store.Set(key, pattern(90), writer.Attributes{})
	}
	at := p.r.Int64N(src.Size)
	n, dst := 1+p.r.Int64N(src.Size-at), p.r.IntN(len(p.want)+1)
	p.check(f.CopyFrom(src, at, int64(dst), n))
	p.put(pattern(90)[at:at+n], dst)
}
