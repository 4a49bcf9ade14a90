package main

import (
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/minio/crc64nvme"
)

// parts are the buffers that exist, and the right to send one.
type parts struct {
	free chan []byte
	send chan struct{}
}

// beside is how many buffers there are beyond those in flight: one for each
// file that is being written at the same time.
const beside = 4

func newParts(c *client) *parts {
	p := &parts{make(chan []byte, c.concurrency+beside), make(chan struct{}, c.concurrency)}
	for range cap(p.free) {
		p.free <- make([]byte, 0, c.partSize)
	}
	return p
}

// upload is a file that is being written, from its start to its end.
type upload struct {
	client *client
	parts  *parts
	key    string

	part   []byte // being filled
	sum    uint64 // of part
	id     string // of the upload, empty before the first full part
	number int32  // of the part sent last

	sending sync.WaitGroup
	mu      sync.Mutex // guards done
	done    []types.CompletedPart
}

// take copies p, which the kernel sends in the order of the file.
func (u *upload) take(p []byte) {
	for len(p) > 0 {
		if u.part == nil {
			u.part, u.sum = <-u.parts.free, 0
		}
		n := min(len(p), cap(u.part)-len(u.part))
		u.part = append(u.part, p[:n]...)
		u.sum = crc64nvme.Update(u.sum, u.part[len(u.part)-n:])
		if p = p[n:]; len(u.part) == cap(u.part) {
			u.emit()
		}
	}
}

// emit sends the part in the background.
func (u *upload) emit() {
	if u.id == "" {
		u.id = u.client.begin(u.key)
	}
	u.number++
	number, part, sum := u.number, u.part, u.sum
	u.part = nil
	u.parts.send <- struct{}{}
	u.sending.Go(func() {
		sent := u.client.send(u.key, u.id, number, part, sum)
		<-u.parts.send
		u.parts.free <- part[:0]
		u.mu.Lock()
		defer u.mu.Unlock()
		u.done = append(u.done, sent)
	})
}

// finish makes the object, unless nothing was written since it was last called:
// dd closes a descriptor before its first write.
func (u *upload) finish() {
	switch {
	case u.part != nil && u.id != "":
		u.emit()
	case u.part != nil:
		u.client.put(u.key, u.part, u.sum)
		u.parts.free <- u.part[:0]
		u.part = nil
	}
	if u.id == "" {
		return
	}
	u.sending.Wait()
	slices.SortFunc(u.done, func(a, b types.CompletedPart) int { return int(*a.PartNumber - *b.PartNumber) })
	u.client.complete(u.key, u.id, u.done)
	u.id = ""
}
