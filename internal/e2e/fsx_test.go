package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/s3mpfs/s3mpfs/internal/modeltest"
)

// TestFsx does random things to one file through the real program, as fsx does,
// with a plain byte slice beside it. Offsets and lengths are those at which
// parts of the default size and S3's smallest ones begin and end. A failure
// prints the seed and the operations; S3MPFS_FSX_SEED repeats it.
func TestFsx(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("S3MPFS_FSX_SEED"); text != "" {
		if _, err := fmt.Sscan(text, &seed); err != nil {
			t.Fatal(err)
		}
	}
	operations := 120
	if modeltest.Long() {
		operations = 20_000
	}
	m := mountBucket(t, all.versitygw(t), "--part-size", "5MiB", "--memory", "32MiB", "--max-hole", "30MiB")
	x := &fsx{mount: m, random: rand.New(rand.NewPCG(seed, 0))}
	x.file = m.open("fsx", os.O_RDWR|os.O_CREATE)
	defer func() {
		if t.Failed() {
			t.Logf("S3MPFS_FSX_SEED=%d, the last operations:\n%s", seed, strings.Join(x.log[max(0, len(x.log)-60):], "\n"))
		}
	}()
	for range operations {
		x.operation()
		if t.Failed() {
			break
		}
	}
	m.close(x.file)
	m.wantObject("fsx", x.want)
}

// fsx is the file and what it must hold.
type fsx struct {
	*mount
	random *rand.Rand
	file   *os.File
	want   []byte
	log    []string
}

const fsxLargest = 24 * mib

func (x *fsx) operation() {
	operations := []func(){
		x.write, x.write, x.write, x.appendBytes, x.read, x.read, x.mapRead, x.truncate, x.allocate, x.punch,
		x.copyWithin, x.copyAcross, x.fsync, x.reopen,
	}
	operations[x.random.IntN(len(operations))]()
}

func (x *fsx) did(err error, format string, args ...any) {
	x.t.Helper()
	x.log = append(x.log, fmt.Sprintf(format, args...))
	if err != nil {
		x.t.Errorf("%s: %v", x.log[len(x.log)-1], err)
	}
}

// offset is one up to most, often at or beside what is special.
func (x *fsx) offset(most int) int {
	special := []int{0, 4096, mib, 5 * mib, 10 * mib, 15 * mib, most}
	off := x.random.IntN(most + 1)
	if x.random.IntN(2) == 0 {
		off = special[x.random.IntN(len(special))] + x.random.IntN(3) - 1
	}
	return max(0, min(off, most))
}

func (x *fsx) length() int {
	lengths := []int{1, 100, 4096, 70_000, mib, 5 * mib, 6 * mib}
	return 1 + x.random.IntN(lengths[x.random.IntN(len(lengths))])
}

func (x *fsx) bytes(n int) []byte { return random(byte(x.random.Uint32()), n) }

func (x *fsx) put(p []byte, off int) {
	if end := off + len(p); end > len(x.want) {
		x.want = append(x.want, make([]byte, end-len(x.want))...)
	}
	copy(x.want[off:], p)
}

func (x *fsx) writeAt(off int, p []byte) {
	_, err := x.file.WriteAt(p, int64(off))
	x.put(p, off)
	x.did(err, "write [%d +%d]", off, len(p))
}

func (x *fsx) write() {
	p := x.bytes(x.length())
	x.writeAt(x.offset(min(len(x.want)+8*mib, fsxLargest-len(p))), p)
}

func (x *fsx) appendBytes() {
	if p := x.bytes(x.length()); len(x.want)+len(p) <= fsxLargest {
		x.writeAt(len(x.want), p)
	}
}

func (x *fsx) read() {
	off, p := x.offset(len(x.want)), make([]byte, x.length())
	n, err := unix.Pread(int(x.file.Fd()), p, int64(off))
	if want := x.want[off:min(len(x.want), off+len(p))]; err == nil && !bytes.Equal(p[:n], want) {
		err = fmt.Errorf("%s", difference(p[:n], want))
	}
	x.did(err, "read [%d +%d]", off, len(p))
}

// mapRead reads through a private mapping.
func (x *fsx) mapRead() {
	if len(x.want) == 0 {
		return
	}
	off := x.offset(len(x.want)-1) &^ 4095
	n := min(len(x.want)-off, x.length())
	p, err := unix.Mmap(int(x.file.Fd()), int64(off), n, unix.PROT_READ, unix.MAP_PRIVATE)
	if err == nil {
		if want := x.want[off : off+n]; !bytes.Equal(p, want) {
			err = fmt.Errorf("%s", difference(p, want))
		}
		_ = unix.Munmap(p)
	}
	x.did(err, "mapread [%d +%d]", off, n)
}

func (x *fsx) truncate() {
	size := x.offset(min(fsxLargest, len(x.want)+8*mib))
	err := x.file.Truncate(int64(size))
	x.put(nil, size)
	x.want = x.want[:size:size]
	x.did(err, "truncate %d", size)
}

func (x *fsx) allocate() {
	off, n := x.offset(len(x.want)), x.length()
	if off+n > fsxLargest {
		return
	}
	err := unix.Fallocate(int(x.file.Fd()), 0, int64(off), int64(n))
	x.put(nil, max(len(x.want), off+n))
	x.did(err, "fallocate [%d +%d]", off, n)
}

// punch asks for a hole, which is refused and changes nothing.
func (x *fsx) punch() {
	off, n := x.offset(len(x.want)), x.length()
	err := unix.Fallocate(int(x.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, int64(off), int64(n))
	if err == unix.EOPNOTSUPP {
		err = nil
	} else {
		err = fmt.Errorf("%v, want EOPNOTSUPP", err)
	}
	x.did(err, "punch [%d +%d]", off, n)
}

func (x *fsx) copyWithin() {
	n := min(x.length(), len(x.want)/2)
	if n == 0 {
		return
	}
	from, to := x.offset(len(x.want)-n), x.offset(len(x.want)-n)
	if from < to+n && to < from+n {
		return
	}
	err := x.copyRange(x.file, x.file, from, to, n)
	x.put(bytes.Clone(x.want[from:from+n]), to)
	x.did(err, "copy [%d +%d] to %d", from, n, to)
}

// copyAcross makes another file of a range, and copies it back elsewhere.
func (x *fsx) copyAcross() {
	n := min(x.length(), len(x.want))
	if n == 0 {
		return
	}
	from, to := x.offset(len(x.want)-n), x.offset(min(len(x.want), fsxLargest-n))
	other := x.open("other", os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	err := x.copyRange(x.file, other, from, 0, n)
	if err == nil {
		err = x.copyRange(other, x.file, 0, to, n)
	}
	part := bytes.Clone(x.want[from : from+n])
	x.put(part, to)
	x.did(err, "copy [%d +%d] to another file and back to %d", from, n, to)
	x.close(other)
	x.wantObject("other", part)
}

func (x *fsx) copyRange(from, to *os.File, at, dst, n int) error {
	src, off := int64(at), int64(dst)
	for n > 0 {
		c, err := unix.CopyFileRange(int(from.Fd()), &src, int(to.Fd()), &off, n, 0)
		if err != nil || c == 0 {
			return fmt.Errorf("%d bytes less: %w", n, err)
		}
		n -= c
	}
	return nil
}

func (x *fsx) fsync() {
	x.did(x.file.Sync(), "fsync")
	if len(x.want) > 0 {
		x.wantObject("fsx", x.want)
	}
}

func (x *fsx) reopen() {
	x.did(x.file.Close(), "close")
	x.wantObject("fsx", x.want)
	x.file = x.open("fsx", os.O_RDWR)
}
