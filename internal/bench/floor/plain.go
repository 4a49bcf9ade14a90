package main

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/minio/crc64nvme"
)

// each runs work for 0 to n-1, as many at once as there may be requests. Every
// worker has a buffer of its own.
func (c *client) each(n, buffer int64, work func(i int64, p []byte)) {
	var workers sync.WaitGroup
	var next atomic.Int64
	for range c.concurrency {
		workers.Go(func() {
			p := make([]byte, buffer)
			for i := next.Add(1) - 1; i < n; i = next.Add(1) - 1 {
				work(i, p)
			}
		})
	}
	workers.Wait()
}

// getAll reads an object by parallel ranges and drops it.
func (c *client) getAll(key string, size int64) error {
	part := int64(c.partSize)
	c.each((size+part-1)/part, part, func(i int64, p []byte) {
		c.get(key, i*part, p[:min(part, size-i*part)])
	})
	return nil
}

// putAll makes count objects of one size under a prefix.
func (c *client) putAll(prefix string, count int, size int64) error {
	c.each(int64(count), size, func(i int64, p []byte) {
		c.put(fmt.Sprintf("%s/%d", prefix, i), p, crc64nvme.Update(0, p))
	})
	return nil
}
