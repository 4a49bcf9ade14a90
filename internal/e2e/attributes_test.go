package e2e

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestContentTypes(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store) {
		m := mountBucket(t, s)
		for name, want := range map[string]string{
			"a.mp4": "video/mp4", "b.MP4": "video/mp4", "c.html": "text/html", "d.json": "application/json",
			"e.png": "image/png", "f.mkv": "video/x-matroska", "g.tar": "application/x-tar",
		} {
			m.sh(`head -c $N /dev/zero > $MNT/$NAME`, "NAME="+name, "N=100")
			if got := *m.head(name).ContentType; !strings.HasPrefix(got, want) {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
		m.sh(`head -c 12M /dev/zero > $MNT/big.mp4`)
		if got := *m.head("big.mp4").ContentType; got != "video/mp4" {
			t.Errorf("a multipart object is %s", got)
		}
	})
}

func TestWhatObjectsAreGiven(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t), "--content-type", "application/x-test", "--cache-control", "max-age=60", "--metadata", "owner=me")
	for _, size := range []string{"1k", "12M"} {
		m.sh(`head -c $SIZE /dev/zero > $MNT/f`, "SIZE="+size)
		head := m.head("f")
		if *head.ContentType != "application/x-test" || *head.CacheControl != "max-age=60" || head.Metadata["owner"] != "me" {
			t.Errorf("%s: type %s, cache control %s, metadata %v", size, *head.ContentType, *head.CacheControl, head.Metadata)
		}
	}
}

func TestStat(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t), "--uid", "1234", "--gid", "2345", "--file-mode", "0640", "--dir-mode", "0750")
	m.put("file", random(1, 3000))
	m.put("dir/file", nil)
	for name, want := range map[string]string{
		"file":     "regular file 1234 2345 640 3000 1048576",
		"dir":      "directory 1234 2345 750",
		"dir/file": "regular empty file 1234 2345 640 0 1048576",
	} {
		if got := m.sh(`stat -c '%F %u %g %a %s %o' $MNT/$NAME`, "NAME="+name); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %swant %s", name, got, want)
		}
	}
	object := m.head("file").LastModified
	info, err := os.Stat(m.path("file"))
	if err != nil || !info.ModTime().Truncate(time.Second).Equal(*object) {
		t.Errorf("mtime %v, %v, want the object's, %v", info.ModTime(), err, object)
	}
}

// TestWhatIsAcceptedQuietly: cp -p, tar and touch set these.
func TestWhatIsAcceptedQuietly(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t))
	content := random(2, 1000)
	m.put("f", content)
	m.sh(`chmod 600 $MNT/f; chown 1:1 $MNT/f; touch -d @1000000000 $MNT/f; mkdir $MNT/d; chmod 700 $MNT/d; touch $MNT/d; df $MNT; sync -f $MNT; stat -f $MNT`)
	m.wantObject("f", content)
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t), "--read-only")
	content := random(3, 2*mib)
	m.put("f", content)
	m.local("f", content)
	m.sh(`cmp f $MNT/f`)
	for what, err := range map[string]error{
		"create":   os.WriteFile(m.path("new"), nil, 0o644),
		"write":    os.WriteFile(m.path("f"), nil, 0o644),
		"mkdir":    os.Mkdir(m.path("d"), 0o755),
		"remove":   os.Remove(m.path("f")),
		"truncate": os.Truncate(m.path("f"), 0),
		"chmod":    os.Chmod(m.path("f"), 0o600),
		"rename":   os.Rename(m.path("f"), m.path("g")),
	} {
		if !errors.Is(err, syscall.EROFS) {
			t.Errorf("%s: %v, want EROFS", what, err)
		}
	}
	m.wantObject("f", content)
	if keys := m.keys(); len(keys) != 1 {
		t.Errorf("objects %v", keys)
	}
}
