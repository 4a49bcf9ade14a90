package e2e

import (
	"os"
	"testing"
)

// TestUnprivileged mounts as a user without rights, by way of fusermount3, where
// /dev/fuse is for everybody; and lets another user try what he must not: to
// look, to ask and to end the mount.
func TestUnprivileged(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // then all other tests mount so
	}
	b := newBucket(t, all.versitygw(t))
	const script = `unshare --mount --propagation private bash -euo pipefail -c '
		mount -t tmpfs -o mode=755 tmpfs /mnt
		mknod -m 666 /mnt/fuse c 10 229
		mount --bind /mnt/fuse /dev/fuse
		cp "$BINARY" /mnt/s3mpfs
		install -d -o 65534 -g 65534 -m 700 /mnt/run
		install -d -o 65534 -g 65534 /mnt/films
		export HOME=/mnt XDG_RUNTIME_DIR=/mnt/run
		me() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
		other() { setpriv --reuid 65533 --regid 65533 --clear-groups "$@"; }
		trap "umount -l /mnt/films 2>/dev/null || true" EXIT

		me /mnt/s3mpfs mount --endpoint-url "$ENDPOINT" "$BUCKET" /mnt/films
		me sh -c "echo mine > /mnt/films/f"
		process=$(me /mnt/s3mpfs status --json | sed "s/.*\"pid\":\([0-9]*\).*/\1/")
		stat -c %u /proc/$process | grep -qx 65534
		find /mnt/run -type f -o -type s | xargs stat -c %a | sort -u | grep -qx 600

		! other cat /mnt/films/f 2>/dev/null
		! other /mnt/s3mpfs status /mnt/films 2>/dev/null
		! other /mnt/s3mpfs umount /mnt/films 2>/dev/null
		/mnt/s3mpfs status /mnt/films | grep -q "process $process "

		kill -9 $process
		until ! test -e /proc/$process; do sleep 0.02; done
		me /mnt/s3mpfs mount --endpoint-url "$ENDPOINT" "$BUCKET" /mnt/films 2>&1 | grep -q "was stale and is cleared"
		me cat /mnt/films/f
		me /mnt/s3mpfs umount /mnt/films'`
	code, output := b.bash(b.work, script, "BINARY="+binary, "ENDPOINT="+b.endpoint, "BUCKET="+b.b.Name)
	if code != 0 {
		t.Errorf("exit code %d: %s", code, output)
	}
	b.wantObject("f", []byte("mine\n"))
}
