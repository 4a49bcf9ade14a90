package e2e

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestModes: flags that change what writing does arrive where they should. What
// they do in every case is tested in package fs.
func TestModes(t *testing.T) {
	content := random(1, 35*mib)
	for flag, test := range map[string]func(m *mount){
		"--atomic": func(m *mount) {
			f := m.create("f")
			m.write(f, content)
			if err := f.Sync(); !errors.Is(err, syscall.EPERM) {
				m.t.Errorf("fsync: %v, want EPERM", err)
			}
			m.wantNoObject("f")
			m.close(f)
			m.wantObject("f", content)
		},
		"--fsync=upload": func(m *mount) {
			f := m.create("f")
			m.write(f, content)
			if err := f.Sync(); err != nil {
				m.t.Error(err)
			}
			m.wantNoObject("f")
			if left := m.left(); len(left) != 1 || len(content)-left[0].Bytes >= 5*mib {
				m.t.Errorf("after fsync S3 holds %+v", left)
			}
			m.close(f)
			m.wantObject("f", content)
		},
		"--max-hole=1MiB": func(m *mount) {
			f := m.create("f")
			if _, err := f.WriteAt([]byte("x"), mib+1); !errors.Is(err, syscall.EFBIG) {
				m.t.Errorf("a hole of a byte more: %v, want EFBIG", err)
			}
			if _, err := f.WriteAt([]byte("x"), mib); err != nil {
				m.t.Error(err)
			}
			m.close(f)
			m.wantObject("f", append(make([]byte, mib), 'x'))
		},
		"--on-kill=abort": func(m *mount) {
			m.put("f", content[:1000])
			m.killWriter("f", content)
			m.eventually("the upload is aborted", func() bool { return strings.Contains(m.log(), "is aborted") && len(m.b.Uploads(m.t)) == 0 })
			m.wantObject("f", content[:1000])
		},
		"--uniform-parts": func(m *mount) {
			f := m.open("f", os.O_RDWR|os.O_CREATE)
			m.write(f, content)
			if _, err := f.WriteAt([]byte("header"), 0); err != nil {
				m.t.Error(err)
			}
			m.eventually("S3 holds three parts of one size", func() bool {
				left := m.left()
				return len(left) == 1 && left[0].Parts == 3 && left[0].Bytes == 3*partSize
			})
			m.close(f)
			m.wantObject("f", overwriteAt(content, 0, []byte("header")))
		},
	} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			test(mountBucket(t, all.versitygw(t), flag))
		})
	}
}
