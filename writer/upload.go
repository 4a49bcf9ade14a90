package writer

import (
	"context"
	"sort"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/panics"
)

// abortTimeout bounds the clean-up of a failed upload, which gets time of its
// own because the file's is over.
const abortTimeout = time.Minute

// grace is how long parts in flight may take when their upload is given up. A
// part whose request is cut off may still land in S3 after the abort, and then
// nobody would remove it; so they are waited for, and only when they take
// longer are they cut off, and the abort repeated after as long again.
const grace = 5 * time.Second

// recentParts is how many of the parts sent last stay in memory beside the
// first one while memory allows, for programs that go back a little.
const recentParts = 2

// upload is a running multipart upload and what has been made of it. The
// file's mu guards it.
type upload struct {
	ctx    context.Context // ends when the upload is given up or complete: nothing more is sent
	cancel context.CancelFunc
	attrs  Attributes      // that the object will have
	calls  context.Context // of the requests in flight; ends a grace later
	cut    context.CancelFunc
	begun  chan struct{} // closed when S3 has answered CreateMultipartUpload
	id     Upload        // valid once begun; without ID where that failed
	parts  []*part       // part number n is parts[n-1]
	cursor int64         // end of the last part
	flight int           // parts being sent
}

// partState tells where the bytes of a part are.
type partState uint8

const (
	inFlight partState = iota // on the way to S3
	held                      // S3 holds it
	outdated                  // S3 holds it, but its bytes in memory changed since
)

// part is one part of an upload. It covers the bytes [lo, hi) of the file,
// copied from src at offset at where src is set.
type part struct {
	piece
	number int32
	state  partState
	kept   bool // its bytes are in memory; those that are not in a block are zeros
	landed bool // S3 has taken it at least once
	based  bool // it is copied from the file's own base, and can be read there
	result Part // what S3 said of it
}

// begin starts the upload, in the background. op and mu are held.
func (f *File) begin() {
	u := &upload{begun: make(chan struct{})}
	u.ctx, u.cancel = context.WithCancel(context.Background())
	u.calls, u.cut = context.WithCancel(context.Background())
	f.upload = u
	key, attrs, cond := f.key, f.attrs, f.condition()
	u.attrs = attrs
	f.engine.undertake(f, func() {
		// Not under the upload's context: whether S3 made an upload that must
		// be aborted is only known from its answer.
		id, err := f.engine.store.CreateMultipartUpload(context.Background(), key, attrs, cond)
		f.mu.Lock()
		defer f.mu.Unlock()
		u.id = id
		close(u.begun)
		if err != nil && f.upload == u {
			f.fail(err)
		}
	})
}

// condition guards the next version against other writers; mu is held.
func (f *File) condition() Condition {
	if f.object != nil {
		return Condition{IfMatch: f.object.ETag}
	}
	return Condition{IfNoneMatch: f.exclusive || f.absent}
}

// emit makes x the next part of the upload and sends it, or has it copied, in
// the background. All bytes of x that lie in an object must be in memory, or x
// is a copy. op is held.
func (f *File) emit(x piece) *part {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.upload == nil {
		f.begin()
	}
	u := f.upload
	p := &part{piece: x, number: int32(len(u.parts)) + 1, kept: x.src == nil}
	p.based = x.src != nil && x.src.same(f.object)
	u.parts = append(u.parts, p)
	u.cursor = x.hi
	if !p.based { // another object may be replaced any time
		f.below.cut(x.lo, x.hi)
	}
	if x.src != nil {
		f.dropWithin(x.lo, x.hi) // what was read of it; it can be read again
	}
	f.send(p)
	return p
}

// send starts to send a part, or to copy it; op and mu are held.
func (f *File) send(p *part) {
	u := f.upload
	var body Body
	var blocks []*block
	if p.src == nil {
		body, blocks = f.body(p.lo, p.hi), f.within(p.lo, p.hi)
		pin(blocks)
		f.sent(p.lo, p.hi)
	}
	p.state = inFlight
	u.flight++
	f.engine.inFlight.Add(1)
	f.engine.undertake(f, func() {
		result, err := f.transfer(u, p, body)
		f.landed(u, p, blocks, result, err)
	})
}

// transfer makes one part in S3. It waits until the upload has begun and there
// is a slot.
func (f *File) transfer(u *upload, p *part, body Body) (result Part, err error) {
	defer panics.Catch(f.engine.o.Log, &err) // for that must land, too
	select {
	case <-u.begun:
	case <-u.ctx.Done():
		return Part{}, u.ctx.Err()
	}
	err = f.engine.inTurn(u.calls, f, u.ctx.Done(), body.Size, func(ctx context.Context) (err error) {
		if p.src != nil {
			result, err = f.engine.store.UploadPartCopy(ctx, u.id, p.number, *p.src, p.at, p.hi-p.lo)
			return err
		}
		if u.id.Checksum == None {
			body.Checksum = Checksum{} // the store takes none
		}
		result, err = f.engine.store.UploadPart(ctx, u.id, p.number, body)
		return err
	})
	return result, err
}

// landed notes how the sending of a part, from blocks, ended.
func (f *File) landed(u *upload, p *part, blocks []*block, result Part, err error) {
	defer f.engine.returned()
	f.engine.inFlight.Add(-1)
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.cond.Broadcast()
	u.flight--
	p.state, p.result = held, result
	p.landed = p.landed || err == nil
	f.unpin(blocks)
	if p.src == nil && err == nil {
		f.bytesSent += p.hi - p.lo
	}
	switch {
	case f.upload != u:
		// It was given up; nobody asks for the part any more.
	case err != nil:
		f.fail(err)
	default:
		f.forgetOldParts(p)
	}
}

// body gathers the bytes [lo, hi) for sending; mu is held.
func (f *File) body(lo, hi int64) Body {
	size, a := f.engine.o.BlockSize, f.engine.o.Checksum
	body := Body{Size: hi - lo, Blocks: make([][]byte, 0, (hi-lo)/size+2), Checksum: Checksum{Algorithm: a}}
	add := func(bytes []byte, sum uint64) {
		body.Blocks = append(body.Blocks, bytes)
		body.Checksum.Value = a.Combine(body.Checksum.Value, sum, int64(len(bytes)))
	}
	for lo < hi {
		index, from := lo/size, lo%size
		to := min(size, from+hi-lo)
		b := f.blocks[index]
		valid := false
		if b != nil {
			valid, to = b.valid.at(from, to)
		}
		if valid {
			add(b.data[from:to], b.checksum(a, from, to))
		} else {
			add(f.engine.zeros[:to-from], a.Update(0, f.engine.zeros[:to-from]))
		}
		lo += to - from
	}
	return body
}

// sent notes that the bytes [lo, hi) are in a part. A block that goes on
// beyond stays dirty; mu is held.
func (f *File) sent(lo, hi int64) {
	size := f.engine.o.BlockSize
	for i := lo / size; i*size < hi; i++ {
		if b := f.blocks[i]; b != nil && len(b.valid) > 0 {
			b.dirty = b.dirty && i*size+b.valid[len(b.valid)-1].hi > hi
		}
	}
}

// forgetOldParts gives up the memory of all parts but the first and the most
// recent ones; mu is held.
func (f *File) forgetOldParts(landed *part) {
	parts := f.upload.parts
	if landed.number > 1 && int(landed.number) <= len(parts)-recentParts {
		f.forgetPart(landed)
	}
	if i := len(parts) - 1 - recentParts; i > 0 {
		f.forgetPart(parts[i])
	}
}

// forgetPart gives up the memory of a part that S3 holds, if it is kept, and
// tells how many blocks that were; mu is held.
func (f *File) forgetPart(p *part) (blocks int) {
	if p.state != held || !p.kept {
		return 0
	}
	p.kept = false
	return f.dropWithin(p.lo, p.hi)
}

// dropWithin drops the blocks that lie within [lo, hi), hold nothing that S3
// lacks and are not being sent, and tells how many. Where a file is folded
// there are changes over what is copied, which wait for the next upload; mu is
// held.
func (f *File) dropWithin(lo, hi int64) (blocks int) {
	size := f.engine.o.BlockSize
	for i := (lo + size - 1) / size; (i+1)*size <= hi; i++ {
		if b := f.blocks[i]; b != nil && !b.dirty && b.sending == 0 {
			f.drop(i, b)
			blocks++
		}
	}
	return blocks
}

// partAt is the part that holds offset off, which is before the cursor; mu is
// held.
func (f *File) partAt(off int64) *part {
	parts := f.upload.parts
	return parts[sort.Search(len(parts), func(i int) bool { return off < parts[i].hi })]
}

// quiet waits until nothing of the running upload is in flight, and gives the
// latched error; mu is held.
func (f *File) quiet() error {
	for f.upload != nil && f.upload.flight > 0 {
		f.cond.Wait()
	}
	return f.alive()
}
