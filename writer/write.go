package writer

import (
	"fmt"

	"github.com/s3mpfs/s3mpfs/internal/panics"
)

// WriteAt writes p at offset off. It returns when the bytes are taken: p may
// be used again. It waits while there is no memory or enough parts wait to be
// sent, which is how a fast program is slowed to the speed of the network.
func (f *File) WriteAt(p []byte, off int64) (n int, err error) {
	f.op.Lock()
	defer f.op.Unlock()
	defer f.latch(&err)
	return f.write(p, off)
}

// Append writes p at the end of the file, wherever that is at this moment, and
// tells the offset.
func (f *File) Append(p []byte) (off int64, n int, err error) {
	f.op.Lock()
	defer f.op.Unlock()
	defer f.latch(&err)
	off = f.Size()
	n, err = f.write(p, off)
	return off, n, err
}

// Write writes p behind what the Write before wrote.
func (f *File) Write(p []byte) (n int, err error) {
	f.op.Lock()
	defer f.op.Unlock()
	defer f.latch(&err)
	n, err = f.write(p, f.pos)
	f.pos += int64(n)
	return n, err
}

// write is WriteAt; op is held.
func (f *File) write(p []byte, off int64) (n int, err error) {
	if err := f.admit(off, int64(len(p))); err != nil {
		return 0, err
	}
	if err := f.fetchSmallBase(off, off+int64(len(p))); err != nil {
		return 0, err
	}
	if err := f.copyBase(off); err != nil {
		return 0, err
	}
	for n < len(p) {
		c, err := f.writeBlock(p[n:], off+int64(n))
		if n += c; err != nil {
			return n, err
		}
	}
	if f.due -= int64(n); f.due <= 0 {
		err = f.advance()
		f.keepPace()
	}
	return n, err
}

// keepPace waits while enough parts wait to be sent: more would only fill
// memory, which costs time where it was never used before. op is held.
func (f *File) keepPace() {
	for {
		landed := f.engine.pool.Changed()
		if !f.farAhead() {
			return
		}
		<-landed
	}
}

// farAhead tells whether half as many parts wait as are being sent, one of f at
// least.
func (f *File) farAhead() bool {
	slots := int64(f.engine.slots.count())
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.upload != nil && f.upload.flight > 1 && f.engine.inFlight.Load() >= slots+max(1, slots/2)
}

// fetchSmallBase takes the base of a file into memory before the first change,
// if it is too small to be copied within S3 and the change [lo, hi) leaves some
// of it. It must be fetched anyway; done now, nothing is lost if another writer
// replaces it meanwhile. Where memory is scarce that must wait, since with many
// files their bases would take it from what is being written. op is held.
func (f *File) fetchSmallBase(lo, hi int64) error {
	if pool := f.engine.pool; pool.Used() > pool.Size()/2 {
		return nil
	}
	f.mu.Lock()
	end := f.below.end()
	needed := f.state == clean && !f.unlinked && end > 0 && end <= f.engine.o.Limits.MinCopySource && (lo > 0 || hi < end)
	f.mu.Unlock()
	if !needed {
		return nil
	}
	release, err := f.fill(0, end)
	if err != nil {
		return f.failWith(err)
	}
	release()
	return nil
}

// copyBase has S3 copy the base of a file that is appended to with the first
// byte that is written: if another writer replaces it meanwhile, what will be
// parked is then the whole file. op is held.
func (f *File) copyBase(off int64) error {
	o := f.engine.o
	f.mu.Lock()
	end := f.below.end()
	needed := f.state == clean && f.upload == nil && off == f.size && end == f.size && len(f.below) == 1 &&
		end >= o.Limits.MinPart && end > o.Limits.MinCopySource && !o.UniformParts && !f.unlinked
	base := append([]segment(nil), f.below...)
	f.mu.Unlock()
	if !needed {
		return nil
	}
	pieces := plan(base, 1, o)
	if len(pieces)+2 > int(o.Limits.MaxParts) {
		return nil
	}
	return f.emitAll(pieces)
}

// failWith is fail for those who do not hold mu, and gives the latched error.
func (f *File) failWith(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail(err)
	return f.alive()
}

// latch is to be deferred by whatever changes the content: where the program
// finds itself wrong nobody knows what the content is, and the file fails.
func (f *File) latch(err *error) {
	if problem := recover(); problem != nil {
		*err = f.failWith(panics.Caught(f.engine.o.Log, problem))
	}
}

// admit refuses what the file cannot take: after a failure anything, else
// writes that end too far out.
func (f *File) admit(off, length int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	o := &f.engine.o
	switch err := f.alive(); {
	case err != nil:
		return err
	case off < 0:
		return fmt.Errorf("%w: offset %d", ErrInvalid, off)
	case off+length > o.maxFileSize() || off+length < off:
		return ErrTooBig
	case off > f.size && off-f.size > o.MaxHole:
		return ErrHole
	}
	return nil
}

// writeBlock writes as much of p as falls into one block, and into one part
// where a part holds that place already. op is held.
func (f *File) writeBlock(p []byte, off int64) (int, error) {
	size := f.engine.o.BlockSize
	index, lo := off/size, off%size
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		if err := f.alive(); err != nil {
			return 0, err
		}
		hi := min(size, lo+int64(len(p)))
		if off < f.cursor() {
			part := f.partAt(off)
			if !part.kept {
				if err := f.unlocked(f.publishMidway); err != nil {
					return 0, err
				}
				continue
			}
			if part.state == inFlight {
				f.cond.Wait()
				continue
			}
			part.state = outdated
			hi = min(hi, part.hi-index*size)
		}
		b := f.blocks[index]
		if b == nil {
			if err := f.unlocked(func() error { return f.obtain(index) }); err != nil {
				return 0, err
			}
			continue
		}
		if b.sending > 0 {
			f.cond.Wait()
			continue
		}
		b.write(f.engine.o.Checksum, lo, p[:hi-lo])
		f.size = max(f.size, index*size+hi)
		f.changed()
		return int(hi - lo), nil
	}
}

// unlocked calls do, which may wait for S3, without mu. op and mu are held.
func (f *File) unlocked(do func() error) error {
	f.mu.Unlock()
	defer f.mu.Lock()
	return do()
}

// advance sends what has become full parts, and sets how many bytes must come
// before there can be another. op is held.
func (f *File) advance() error {
	for {
		if err := f.Err(); err != nil {
			return err
		}
		if f.nameless() {
			f.due = f.engine.o.PartSize
			return nil
		}
		segments, made := f.unmade()
		pieces := plan(segments, made+1, f.engine.o)
		k, missing := f.full(pieces, made)
		if missing > 0 {
			f.due = max(missing, f.engine.o.PartSize/4)
			return nil
		}
		if made+int32(max(len(pieces), k+1)) > f.engine.o.Limits.MaxParts {
			return f.outOfNumbers()
		}
		if err := f.emitAll(pieces[:k]); err != nil {
			return err
		}
	}
}

// full finds the first piece that must be sent, and the copies before it, and
// tells how many bytes it lacks until it is a full part of written bytes. What
// lacks before the first written byte is not waited for if it is less than a
// part could be: it can only come from the object below.
func (f *File) full(pieces []piece, made int32) (k int, missing int64) {
	o := f.engine.o
	for k < len(pieces) && pieces[k].src != nil {
		k++
	}
	if k == len(pieces) {
		return k, o.PartSize
	}
	x := pieces[k]
	want := o.sentSize(x.lo, made+int32(k)+1)
	f.mu.Lock()
	defer f.mu.Unlock()
	lead, written := f.written(x.lo, x.hi)
	if lead < o.Limits.MinPart && f.below.at(x.lo, x.hi).src != nil {
		written += lead
	}
	return k + 1, want - written
}

// written tells how many bytes of [lo, hi) come before the first one that is
// in memory, and how many are in memory; mu is held.
func (f *File) written(lo, hi int64) (lead, written int64) {
	size := f.engine.o.BlockSize
	for pos := lo; pos < hi; {
		index, from := pos/size, pos%size
		to := min(size, from+hi-pos)
		valid := false
		if b := f.blocks[index]; b != nil {
			valid, to = b.valid.at(from, to)
		}
		switch {
		case valid:
			written += to - from
		case written == 0:
			lead += to - from
		}
		pos += to - from
	}
	return lead, written
}

// partCount is the number of parts made of the running upload; mu is held.
func (f *File) partCount() int32 {
	if f.upload == nil {
		return 0
	}
	return int32(len(f.upload.parts))
}
