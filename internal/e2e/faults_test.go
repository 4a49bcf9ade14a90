package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/faultproxy"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// behindProxy puts a proxy between the bucket and its mounts.
func (b *bucket) behindProxy() *faultproxy.Proxy {
	b.t.Helper()
	p, err := faultproxy.Start(b.endpoint)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := p.Close(); err != nil {
			b.t.Error(err)
		}
	})
	b.endpoint = p.URL()
	return p
}

func denied(op string) faultproxy.Rule {
	return faultproxy.Rule{Operation: op, Key: "victim", Times: faultproxy.Always, Action: faultproxy.Answer, Status: 403, Code: "AccessDenied"}
}

func answer(op string, status int, code string) faultproxy.Rule {
	return faultproxy.Rule{Operation: op, Key: "victim", Times: faultproxy.Always, Action: faultproxy.Answer, Status: status, Code: code}
}

// TestFinalFaults: the server goes on refusing one operation. Write or close
// tells, the old object stays, no upload stays, and other files are written.
func TestFinalFaults(t *testing.T) {
	for name, c := range map[string]struct {
		size int
		rule faultproxy.Rule
		want syscall.Errno
	}{
		"complete denied":               {25 * mib, denied(s3op.CompleteMultipartUpload), syscall.EACCES},
		"complete 500":                  {25 * mib, answer(s3op.CompleteMultipartUpload, 500, "InternalError"), syscall.EIO},
		"complete 200 with an error":    {25 * mib, answer(s3op.CompleteMultipartUpload, 200, "InternalError"), syscall.EIO},
		"complete with a wrong part":    {25 * mib, answer(s3op.CompleteMultipartUpload, 400, "InvalidPart"), syscall.EIO},
		"create denied":                 {25 * mib, denied(s3op.CreateMultipartUpload), syscall.EACCES},
		"part denied":                   {25 * mib, denied(s3op.UploadPart), syscall.EACCES},
		"part 503":                      {25 * mib, answer(s3op.UploadPart, 503, "SlowDown"), syscall.EIO},
		"part with a wrong checksum":    {25 * mib, answer(s3op.UploadPart, 400, "BadDigest"), syscall.EIO},
		"the upload was taken away":     {25 * mib, answer(s3op.UploadPart, 404, "NoSuchUpload"), syscall.EIO},
		"small file denied":             {1000, denied(s3op.PutObject), syscall.EACCES},
		"small file 500":                {1000, answer(s3op.PutObject, 500, "InternalError"), syscall.EIO},
		"small file, no room":           {1000, answer(s3op.PutObject, 507, "InsufficientCapacity"), syscall.ENOSPC},
		"empty file denied":             {0, denied(s3op.PutObject), syscall.EACCES},
		"small file, expired the token": {1000, answer(s3op.PutObject, 400, "ExpiredToken"), syscall.EACCES},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBucket(t, all.versitygw(t))
			proxy := b.behindProxy()
			old, content := random(1, 3000), random(2, c.size)
			b.put("victim-old", old)
			m := b.mount("--retry-timeout", "2s")
			proxy.Set(c.rule)
			for _, name := range []string{"victim-old", "victim-new"} {
				if err := m.writeFile(name, content); !errors.Is(err, c.want) {
					t.Errorf("%s: %v, want %v", name, err, c.want)
				}
				m.wantLog(name, c.rule.Code)
			}
			m.wantObject("victim-old", old)
			m.wantNoObject("victim-new")
			m.eventually("uploads are aborted", func() bool { return len(m.b.Uploads(t)) == 0 })
			if err := m.writeFile("other", content); err != nil {
				t.Errorf("another file: %v", err)
			}
			m.wantObject("other", content)
			proxy.Set()
			if err := m.writeFile("victim-old", content); err != nil {
				t.Errorf("when the server is well again: %v", err)
			}
			m.wantObject("victim-old", content)
			if code, output := m.umount(); code != 0 || !strings.Contains(output, "2 files failed, which the programs were told") {
				t.Errorf("umount: exit code %d: %s", code, output)
			}
		})
	}
}

// writeFile gives the first error of open, write and close. While it writes an
// empty file no other test starts a program, which would inherit the descriptor
// for a moment: the close of a file that is empty and still open elsewhere does
// not make the object.
func (m *mount) writeFile(name string, content []byte) error {
	if len(content) == 0 {
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
	}
	f, err := os.OpenFile(m.path(name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// TestErrorsAreLatched: after the first error every operation on the file says
// so.
func TestErrorsAreLatched(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	proxy := b.behindProxy()
	m := b.mount("--retry-timeout", "1s")
	proxy.Set(denied(s3op.UploadPart))
	f := m.create("victim")
	m.eventually("writes fail", func() bool {
		_, err := f.Write(make([]byte, mib))
		return errors.Is(err, syscall.EACCES)
	})
	proxy.Set()
	if _, err := f.Write([]byte("x")); !errors.Is(err, syscall.EACCES) {
		t.Errorf("the next write: %v", err)
	}
	if err := f.Sync(); !errors.Is(err, syscall.EACCES) {
		t.Errorf("fsync: %v", err)
	}
	if err := f.Close(); !errors.Is(err, syscall.EACCES) {
		t.Errorf("close: %v", err)
	}
	m.wantNoObject("victim")
	if !regexp.MustCompile(`write failed.*path=/victim.*upload_id=[^" ]`).MatchString(m.log()) {
		t.Error("the log does not name the upload of the file that failed")
	}
}

// TestUmountTellsWhatFailed ends the mount while a file cannot be completed.
func TestUmountTellsWhatFailed(t *testing.T) {
	for _, size := range []int{1000, 25 * mib} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			b := newBucket(t, all.versitygw(t))
			proxy := b.behindProxy()
			m := b.mount("--retry-timeout", "1s")
			f, other := m.create("victim"), m.create("well")
			m.write(f, random(1, size))
			m.write(other, random(2, size))
			proxy.Set(denied(s3op.CompleteMultipartUpload), denied(s3op.PutObject))
			m.wantNotDurable("/victim", "/well")
			f.Close()
			other.Close()
			m.wantNoObject("victim")
			m.wantObject("well", random(2, size))
		})
	}
}

// overwrite is a scenario whose every request goes wrong in turn.
type overwrite struct {
	size int
	rule faultproxy.Rule
}

// TestEveryRequestOnce lets request 1, 2, 3, ... of writing a file over an old
// one go wrong. What is transient nobody notices; what is final is reported,
// and then the old object is there; what is not reported is whole.
func TestEveryRequestOnce(t *testing.T) {
	transient := map[string]faultproxy.Rule{
		"500":                     {Action: faultproxy.Answer, Status: 500, Code: "InternalError"},
		"SlowDown":                {Action: faultproxy.Answer, Status: 503, Code: "SlowDown"},
		"RequestTimeout":          {Action: faultproxy.Answer, Status: 400, Code: "RequestTimeout"},
		"lost answer":             {Action: faultproxy.DropAnswer},
		"broken request":          {Action: faultproxy.CutRequest, Bytes: 100},
		"broken answer":           {Action: faultproxy.CutAnswer, Bytes: 10},
		"damaged":                 {Action: faultproxy.Corrupt, Bytes: 1000},
		"a second without server": {Action: faultproxy.Refuse, Wait: time.Second},
	}
	for name, rule := range transient {
		for _, size := range []int{1000, 25 * mib} {
			t.Run(fmt.Sprint(name, " ", size), func(t *testing.T) {
				t.Parallel()
				everyRequest(t, overwrite{size, rule}, func(m *mount, k int, err error) {
					if err != nil {
						m.t.Errorf("request %d: %v", k, err)
					}
				})
			})
		}
	}
	for _, size := range []int{1000, 25 * mib} {
		rule := faultproxy.Rule{Action: faultproxy.Answer, Status: 403, Code: "AccessDenied"}
		t.Run(fmt.Sprint("denied ", size), func(t *testing.T) {
			t.Parallel()
			failed := 0
			everyRequest(t, overwrite{size, rule}, func(m *mount, k int, err error) {
				if err != nil {
					failed++
				}
			})
			if failed == 0 {
				t.Error("nothing failed")
			}
		})
	}
}

func everyRequest(t *testing.T, o overwrite, check func(m *mount, k int, err error)) {
	b := newBucket(t, all.versitygw(t))
	proxy := b.behindProxy()
	old, content := random(1, 2000), random(2, o.size)
	m := b.mount("--retry-timeout", "20s", "--metadata-ttl", "0s")
	for k := 1; ; k++ {
		name := fmt.Sprintf("victim-%d", k)
		b.put(name, old)
		o.rule.Nth = k
		proxy.Set(o.rule)
		err := m.writeFile(name, content)
		struck := proxy.Struck()
		proxy.Set()
		check(m, k, err)
		if err != nil {
			m.wantObject(name, old)
		} else {
			m.wantObject(name, content)
		}
		m.checkUploadsAfter(o.rule, proxy)
		if struck == 0 {
			if k < 2 {
				t.Error("no request was struck")
			}
			return
		}
	}
}

// checkUploadsAfter checks that nothing is left after a fault, and resets the
// counters. Nobody can know of an upload the answer to whose creation was lost;
// the mount only says that it may be there.
func (m *mount) checkUploadsAfter(rule faultproxy.Rule, proxy *faultproxy.Proxy) {
	m.t.Helper()
	lost := rule.Action == faultproxy.DropAnswer || rule.Action == faultproxy.CutAnswer
	if lost && proxy.Counts()[s3op.CreateMultipartUpload].Requests == 2 {
		m.wantUploads = 1
	}
	proxy.ResetCounts()
	m.eventually("uploads are aborted", func() bool { return len(m.b.Uploads(m.t)) <= m.wantUploads })
	m.checkUploads()
}

// TestDamagedBytesNeverBecomeAnObject: the server's check of the checksum makes
// the mount send the part again.
func TestDamagedBytesNeverBecomeAnObject(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	proxy := b.behindProxy()
	m := b.mount()
	content := random(3, 45*mib)
	for nth := 1; nth <= 9; nth += 2 {
		proxy.Set(faultproxy.Rule{Operation: s3op.UploadPart, Nth: nth, Action: faultproxy.Corrupt, Bytes: 5_000_000})
		if err := m.writeFile("f", content); err != nil {
			t.Error(err)
		}
		m.wantObject("f", content)
	}
}

// TestDamagedAnswers: a file that one request reads whole is compared with its
// checksum, so that a byte that was damaged on the way back is not believed, and
// above all is not written back by who appends to the file.
func TestDamagedAnswers(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	proxy := b.behindProxy()
	content := random(5, 100_000)
	m := b.mount()
	if err := m.writeFile("f", content); err != nil {
		t.Fatal(err)
	}
	m = m.remount()
	damage := faultproxy.Rule{Operation: s3op.GetObject, Action: faultproxy.CorruptAnswer, Bytes: 50_000}
	proxy.Set(damage)
	if got, err := os.ReadFile(m.path("f")); err != nil || !bytes.Equal(got, content) {
		t.Errorf("read: %s, %v", difference(got, content), err)
	}
	if proxy.Struck() != 1 {
		t.Errorf("%d answers were damaged", proxy.Struck())
	}
	m = m.remount()
	proxy.Set(damage)
	m.sh(`echo more >> $MNT/f`)
	m.wantObject("f", append(content, "more\n"...))
	if proxy.Struck() != 1 {
		t.Errorf("%d answers were damaged", proxy.Struck())
	}
}

// TestManyFilesFailTogether: files that are closed while the store is away, and of
// which few are sent at a time, do not wait for each other to fail.
func TestManyFilesFailTogether(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	proxy := b.behindProxy()
	const patience, files = 6 * time.Second, 12
	m := b.mount("--max-concurrency", "1", "--retry-timeout", patience.String())
	var open []*os.File
	for i := range files {
		f := m.create(name(i))
		m.write(f, []byte("x"))
		open = append(open, f)
	}
	proxy.Refuse(time.Hour)
	begun := time.Now()
	results := make(chan error, files)
	for _, f := range open {
		go func() { results <- f.Close() }()
	}
	for range files {
		if err := <-results; !errors.Is(err, syscall.EIO) {
			t.Errorf("close: %v, want EIO", err)
		}
	}
	// One after the other they would take 40 to 72 s.
	if took := time.Since(begun); took < patience/2 || took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
	proxy.Resume()
	m.eventually("a file can be written again", func() bool { return m.writeFile("again", []byte("x")) == nil })
}

// TestReadFaults: a read gets the right bytes or an error, and works when the
// server does.
func TestReadFaults(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	proxy := b.behindProxy()
	content := random(4, 30*mib)
	b.local("src", content)
	m := b.mount("--retry-timeout", "10s")
	for name, rule := range map[string]faultproxy.Rule{
		"broken":  {Action: faultproxy.CutAnswer, Bytes: 200_000},
		"500":     {Action: faultproxy.Answer, Status: 500, Code: "InternalError"},
		"refused": {Action: faultproxy.Refuse, Wait: 500 * time.Millisecond},
	} {
		rule.Operation, rule.Nth, rule.Times = s3op.GetObject, 2, 3
		m.put("victim-"+name, content)
		proxy.Set(rule)
		m.sh(`cmp src $MNT/victim-` + name)
		if proxy.Struck() == 0 {
			t.Errorf("%s: nothing was struck", name)
		}
	}
	m.put("victim", content)
	proxy.Set(denied(s3op.GetObject))
	if code, output := m.try(`cat $MNT/victim > /dev/null`); code == 0 || !strings.Contains(output, "Permission denied") {
		t.Errorf("exit code %d: %s", code, output)
	}
	proxy.Set()
	m.sh(`cmp src $MNT/victim`)
}
