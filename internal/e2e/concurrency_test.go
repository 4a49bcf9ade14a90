package e2e

import (
	"testing"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/faultproxy"
	"github.com/s3mpfs/s3mpfs/internal/s3discard"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// TestSlowDownMeansFewerRequests at the same time, and the part is sent again.
func TestSlowDownMeansFewerRequests(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	proxy := b.behindProxy()
	m := b.mount()
	before := m.status().Concurrency
	proxy.Set(faultproxy.Rule{Operation: s3op.UploadPart, Action: faultproxy.Answer, Status: 503, Code: "SlowDown"})
	content := random(1, 25*mib)
	if err := m.writeFile("f", content); err != nil {
		t.Error(err)
	}
	m.wantObject("f", content)
	if now := m.status(); now.Concurrency != before/2 || now.S3.Throttled != 1 {
		t.Errorf("%d requests at the same time, %d before one SlowDown: %+v", now.Concurrency, before, now.S3)
	}
}

// TestALargeCopyDoesNotStarveSmallOnes, although there are two requests at the
// same time, and parts of it wait for each.
func TestALargeCopyDoesNotStarveSmallOnes(t *testing.T) {
	t.Parallel()
	m, server := discarding(t, s3discard.Options{Latency: 100 * time.Millisecond}, "--max-concurrency", "2", "--on-kill", "abort")
	parts := func() int { return server.Stats()[s3op.UploadPart].Requests }
	large := start(t, m.script(`exec dd if=/dev/zero of=$MNT/large bs=1M status=none`))
	defer func() {
		if err := large.Process.Kill(); err != nil {
			t.Error(err)
		}
		<-large.ended
	}()
	m.eventually("the large file is under way", func() bool { return parts() > 4 })
	const files = 10
	before := parts()
	m.sh(`for i in $(seq 10); do echo $i > $MNT/small$i; done`)
	if sent := parts() - before; sent > 5*files {
		t.Errorf("%d parts of the large file were sent while %d small files waited", sent, files)
	}
}
