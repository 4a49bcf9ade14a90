package writer_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/memory"
	"github.com/s3mpfs/s3mpfs/internal/readahead"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
	"github.com/s3mpfs/s3mpfs/writer"
)

// TestRewriteFromTheStart does what moving an mp4's index to the front does:
// the whole file is read in small pieces ahead of where it is written, shifted.
// It must cost a few large requests, not one for each piece.
func TestRewriteFromTheStart(t *testing.T) {
	store, engine := open(t, writer.Options{Memory: 128 * miB})
	engine.ReadThrough(func(o writer.Object) writer.ObjectReader {
		return readahead.New(store, engine.Memory(), o, readahead.Options{})
	})
	const size, shift, piece = 150 * miB, 300_000, 256 << 10
	content, header := pattern(size), bytes.Repeat([]byte("moov"), shift/4)
	f := engine.Create("movie.mp4", writer.FileOptions{})
	write(t, f, content, 0)
	shiftFile(t, f, header, size, piece)
	closeFile(t, f)
	got, _ := store.Bytes("movie.mp4")
	if !bytes.Equal(got, append(header, content...)) {
		t.Error("the object differs")
	}
	// Some 50; more where the parts are slow, since memory is full then.
	if gets := store.Counts().Requests[s3op.GetObject]; gets > size/piece/3 {
		t.Errorf("%d GETs for %d reads", gets, size/piece)
	}
}

// shiftFile inserts header before the size bytes that f holds, piece by piece,
// reading each before it is overwritten.
func shiftFile(t *testing.T, f *writer.File, header []byte, size, piece int) {
	pending, at := header, 0
	for off := 0; off < size; off += piece {
		// As far ahead as the header is long, so that no byte is overwritten
		// before it was read.
		next := make([]byte, min(piece, size-off))
		if n, err := f.ReadAt(next, int64(off)); n != len(next) {
			t.Fatalf("read %d of %d bytes at %d: %v", n, len(next), off, err)
		}
		pending = append(pending, next...)
		out := min(piece, len(pending))
		write(t, f, pending[:out:out], int64(at))
		pending, at = pending[out:], at+out
	}
	write(t, f, pending, int64(at))
}

// TestReadersGiveWayToWriters fills the memory with what was read ahead, and
// then writes: the writer must get it without publishing anything.
func TestReadersGiveWayToWriters(t *testing.T) {
	store, engine := open(t, writer.Options{Memory: 64 * miB})
	held := &hoarder{pool: engine.Memory()}
	engine.ReadThrough(func(writer.Object) writer.ObjectReader { return held })
	reader := engine.OpenReader(writer.Object{})
	for b := held.pool.TryGet(); b != nil; b = held.pool.TryGet() {
		held.blocks = append(held.blocks, b)
	}
	f := engine.Create("key", writer.FileOptions{})
	write(t, f, pattern(5*miB), 0)
	if n := store.Counts().Total(); n != 0 {
		t.Errorf("%d requests before the file was closed", n)
	}
	reader.Close()
	closeFile(t, f)
}

// hoarder is a reader that has read ahead as much as there is memory.
type hoarder struct {
	pool   *memory.Pool
	blocks []memory.Block
}

func (h *hoarder) View([]byte, int64) ([][]byte, func(), error) {
	return nil, nil, context.Canceled
}
func (h *hoarder) ReadAt([]byte, int64) (int, error) { return 0, context.Canceled }
func (h *hoarder) Shed()                             { h.pool.Put(h.blocks...); h.blocks = nil }
func (h *hoarder) Close()                            { h.Shed() }
