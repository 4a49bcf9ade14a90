package e2e

import (
	"bytes"
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
)

// TestAnotherMountsChanges are seen at once by a mount that believes nothing:
// whatever a program does there with names, contents and attributes.
func TestAnotherMountsChanges(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	there, here := b.mount(), b.mount("--metadata-ttl", "0s")
	for _, step := range []struct{ there, here, want string }{
		{`echo one > f`, `cat f; stat -c '%s %F' f`, "one\n4 regular file"},
		{`echo two > f`, `cat f; stat -c %s f`, "two\n4"},
		{`echo three >> f`, `cat f; stat -c %s f; tail -c 3 f`, "two\nthree\n10\nee"},
		{`chmod 600 f; touch -d @1000000000 f; setfattr -n user.a -v b f; sync f`, `stat -c '%a %Y' f; getfattr --only-values -n user.a f`, "600 1000000000\nb"},
		{`chmod 640 f; setfattr -x user.a f; sync f`, `stat -c %a f; getfattr -d f; ls -l f | cut -c -10`, "640\n-rw-r-----"},
		{`mv f g`, `ls; cat g; ! test -e f`, "g\ntwo\nthree"},
		{`mkdir -m 700 d; echo x > d/x`, `ls . d; stat -c %a d; cat d/x`, ".:\nd\ng\n\nd:\nx\n700\nx"},
		{`mv -T d e; ln -s x e/l; sync e`, `! test -e d; readlink e/l; cat e/l`, "x\nx"},
		{`rm e/l; ln -s nothing e/l`, `readlink e/l; ! test -e e/l`, "nothing"},
		{`rm e/l; echo file > e/l`, `cat e/l; stat -c %F e/l`, "file\nregular file"},
		{`rm -r e; echo file > e`, `cat e; stat -c %F e`, "file\nregular file"},
		{`rm e; mkdir e; echo x > e/x`, `cat e/x; stat -c %F e`, "x\ndirectory"},
		{`rm -r e g`, `ls -A; ! test -e e; ! test -e g`, ""},
	} {
		there.sh("cd $MNT; " + step.there)
		here.wantOutput("cd $MNT; "+step.here, step.want)
	}
}

// TestAFileReplacedAllTheTime by another machine: each reader gets one version,
// whole, or is told that it is gone.
func TestAFileReplacedAllTheTime(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	m := b.mount("--metadata-ttl", "0s")
	const size = 3 * mib
	b.put("f", bytes.Repeat([]byte{0}, size))
	var ended atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer ended.Store(true)
		for i := range byte(100) {
			b.put("f", bytes.Repeat([]byte{i}, size-int(i)))
		}
	}()
	whole, stale := 0, 0
	for !ended.Load() {
		content, err := os.ReadFile(m.path("f"))
		switch {
		case errors.Is(err, syscall.ESTALE):
			stale++
		case err != nil:
			t.Error(err)
		case len(content) != size-int(content[0]) || !bytes.Equal(content, bytes.Repeat(content[:1], len(content))):
			t.Errorf("%d bytes of several versions", len(content))
		default:
			whole++
		}
	}
	<-done
	if whole == 0 {
		t.Error("no version was read whole")
	}
	t.Logf("%d read whole, %d gone", whole, stale)
	m.local("last", bytes.Repeat([]byte{99}, size-99))
	m.sh(`cmp last $MNT/f`)
}
