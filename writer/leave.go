package writer

import (
	"context"
	"sync"
	"time"
)

// Park sends everything and leaves the upload in S3, neither completed nor
// aborted, and names it in the log. The file is then of no use: its methods
// give ErrDiscarded.
func (f *File) Park() (err error) {
	f.op.Lock()
	defer f.op.Unlock()
	defer f.latch(&err)
	f.mu.Lock()
	if f.state != dirty || f.unlinked || f.size == 0 {
		f.mu.Unlock()
		return f.Discard()
	}
	if f.upload == nil {
		f.begin()
	}
	f.mu.Unlock()
	err = f.sendRest()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.fail(err)
		return f.alive()
	}
	f.leaveUpload(true)
	f.end(ErrDiscarded)
	return nil
}

// leaveUpload ends the running upload: keep leaves it in S3, to be found by its
// ID; else it is aborted once nothing is in flight. mu is held.
func (f *File) leaveUpload(keep bool) {
	u := f.upload
	if u == nil {
		return
	}
	f.upload, f.left = nil, u.id.ID
	if !keep {
		u.cancel()
	}
	f.leaving.Add(1)
	f.engine.undertake(f, func() {
		left := sync.OnceFunc(f.leaving.Done)
		defer left()
		defer u.cut()
		cutOff := time.AfterFunc(grace, u.cut)
		keep := f.landedAll(u, keep)
		u.cancel()
		landed := cutOff.Stop()
		f.engine.returned()
		if keep {
			return
		}
		f.abort(u)
		left()
		if !landed {
			time.Sleep(grace)
			f.abort(u)
		}
	})
}

// landedAll waits until nothing of an upload is in flight, and tells whether it
// is to be left in S3.
func (f *File) landedAll(u *upload, keep bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for u.flight > 0 {
		f.cond.Wait()
	}
	f.left = u.id.ID
	return keep && f.parked(u)
}

// parked tells whether an upload that is to be left in S3 holds anything that
// could be completed, and names it in the log; mu is held.
func (f *File) parked(u *upload) bool {
	n, bytes := 0, int64(0)
	for n < len(u.parts) && u.parts[n].landed {
		n, bytes = n+1, u.parts[n].hi
	}
	if n == 0 {
		f.engine.o.Log.Warn("nothing could be parked: what was changed is lost, because the object it belongs to is gone", "key", f.key)
		return false
	}
	f.engine.o.Log.Warn("upload parked: the parts sent stay in the bucket until it is completed or aborted",
		"key", f.key, "upload_id", u.id.ID, "parts", n, "bytes", bytes)
	return true
}

// abort gives the upload up; nothing of it is in flight any more.
func (f *File) abort(u *upload) {
	<-u.begun
	if u.id.ID == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), abortTimeout)
	defer cancel()
	if err := f.engine.store.AbortMultipartUpload(ctx, u.id); err != nil {
		f.engine.o.Log.Error("upload left behind: it could not be aborted", "key", u.id.Key, "upload_id", u.id.ID, "error", err)
	}
}

// rescue makes an upload of a small file that lost its base to another writer,
// so that what was written can be parked instead of being dropped with the
// memory. op is held.
func (f *File) rescue() {
	f.mu.Lock()
	lost := f.upload == nil && !f.exclusive && f.size > 0 && f.alive() == nil
	f.mu.Unlock()
	if lost {
		// Where this fails too the first error says what matters.
		_ = f.sendRest()
	}
}
