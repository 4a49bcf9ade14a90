package writer_test

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/s3fake"
	"github.com/s3mpfs/s3mpfs/writer"
)

func removed() (*writer.Object, error) { return nil, nil }

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// small makes a bucket and an engine in which a part has 16 bytes and all
// memory 80, those of the reserve among them.
func small(t *testing.T) (*s3fake.Store, *writer.Engine) {
	t.Helper()
	limits := tiny
	limits.MaxParts, limits.MaxObject = 1000, 1<<20
	store := s3fake.New(s3fake.Options{Limits: limits, Checksum: writer.CRC64NVME})
	engine, err := writer.New(store, writer.Options{PartSize: 16, BlockSize: 4, Memory: 80, Limits: limits})
	ok(t, err)
	return store, engine
}

// TestUnlinkedFilesGiveWay: files without a name hold all memory, and others go
// on writing: one that holds nothing yet, and one without a name itself.
func TestUnlinkedFilesGiveWay(t *testing.T) {
	for name, unlink := range map[string]bool{"named": false, "unlinked": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, engine := small(t)
				hoarders := hoard(t, engine)
				f := engine.Create("new", writer.FileOptions{})
				if unlink {
					ok(t, f.Unlink(removed))
				}
				written := make(chan error, 1)
				go func() {
					_, err := f.WriteAt(pattern(1000), 0)
					written <- err
				}()
				select {
				case err := <-written:
					ok(t, err)
				case <-time.After(time.Hour):
					t.Error("the write hangs")
					_ = f.Discard()
					<-written
				}
				hoarders = append(hoarders, f)
				for _, f := range hoarders {
					ok(t, f.Close())
				}
				if got, exists := store.Bytes("new"); exists == unlink || exists && !bytes.Equal(got, pattern(1000)) {
					t.Errorf("the new file is there: %v, of %d bytes", exists, len(got))
				}
				if keys, uploads := store.Keys(), store.Uploads(); len(keys)+len(uploads) > 1 {
					t.Errorf("left behind: %v %v", keys, uploads)
				}
				ok(t, engine.Close())
			})
		})
	}
}

// hoard fills the memory with files that it then unlinks.
func hoard(t *testing.T, engine *writer.Engine) (files []*writer.File) {
	t.Helper()
	for free := int64(0); free != engine.Memory().Used(); {
		free = engine.Memory().Used()
		f := engine.Create("hoarder", writer.FileOptions{})
		write(t, f, pattern(15), 0)
		ok(t, f.Unlink(removed))
		files = append(files, f)
	}
	return files
}

// TestUnlinkedFileIsReadable: what was written is read back after the name is
// gone, whether S3 had taken it as parts or not, as long as memory holds it;
// what it does not hold any more is an error, never wrong bytes.
func TestUnlinkedFileIsReadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, engine := small(t)
		f := engine.Create("f", writer.FileOptions{})
		want := pattern(200)
		write(t, f, want[:40], 0)
		ok(t, f.Unlink(removed))
		if n := readable(t, f, want[:40]); n < 40 {
			t.Errorf("%d of 40 bytes can be read, all of which fit into memory", n)
		}
		write(t, f, want[40:], 40)
		if n := readable(t, f, want); n == len(want) {
			t.Errorf("%d bytes can be read with less memory", n)
		}
		copy(want[100:], "new")
		write(t, f, []byte("new"), 100)
		got := make([]byte, 3)
		if _, err := f.ReadAt(got, 100); err != nil || string(got) != "new" {
			t.Errorf("read %q, %v", got, err)
		}
		ok(t, f.Publish())
		ok(t, f.Release())
		if keys, uploads := store.Keys(), store.Uploads(); len(keys)+len(uploads) > 0 {
			t.Errorf("left behind: %v %v", keys, uploads)
		}
		ok(t, engine.Close())
	})
}

// readable counts the bytes that can be read, all of which must be right.
func readable(t *testing.T, f *writer.File, want []byte) (n int) {
	t.Helper()
	for off := range want {
		var p [1]byte
		_, err := f.ReadAt(p[:], int64(off))
		switch {
		case err == nil && p[0] == want[off]:
			n++
		case !errors.Is(err, writer.ErrUnlinked):
			t.Fatalf("byte %d: %d, %v, want %d or %v", off, p[0], err, want[off], writer.ErrUnlinked)
		}
	}
	return n
}

// TestUnlinkThatFails: the file keeps its name and can be published.
func TestUnlinkThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, engine := small(t)
		f := engine.Create("f", writer.FileOptions{})
		write(t, f, pattern(200), 0)
		if err := f.Unlink(func() (*writer.Object, error) { return nil, writer.ErrAccess }); !errors.Is(err, writer.ErrAccess) {
			t.Fatal(err)
		}
		ok(t, f.Close())
		if got, _ := store.Bytes("f"); !bytes.Equal(got, pattern(200)) {
			t.Error("the object is not what was written")
		}
		ok(t, engine.Close())
	})
}

// TestUnlinkWaitsForCopies of the object that is to go: without its bytes the
// file would fail, and be taken for one that another writer replaced.
func TestUnlinkWaitsForCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, engine := small(t)
		f := engine.Open(store.Set("f", pattern(500), writer.Attributes{}), writer.FileOptions{})
		store.Inject(func(s3fake.Call) s3fake.Fault { time.Sleep(time.Second); return s3fake.Fault{} })
		if _, _, err := f.Append(pattern(1)); err != nil {
			t.Fatal(err)
		}
		ok(t, f.Unlink(func() (*writer.Object, error) { store.Remove("f"); return nil, nil }))
		ok(t, f.Close())
		if uploads := store.Uploads(); len(uploads) > 0 {
			t.Errorf("left behind: %v", uploads)
		}
		ok(t, engine.Close())
	})
}
