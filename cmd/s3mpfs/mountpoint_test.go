package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestPrepareMountpoint(t *testing.T) {
	dir := t.TempDir()
	file, full, link := filepath.Join(dir, "file"), filepath.Join(dir, "full"), filepath.Join(dir, "link")
	empty := filepath.Join(dir, "empty")
	for _, err := range []error{
		os.WriteFile(file, nil, 0o600),
		os.MkdirAll(filepath.Join(full, "child"), 0o700),
		os.Mkdir(empty, 0o700),
		os.Symlink(empty, link),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{empty, link, empty + "/"} {
		if got, err := prepareMountpoint(path); err != nil || got != empty {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	for path, remedy := range map[string]string{
		"":                           "MOUNTPOINT is empty",
		filepath.Join(dir, "absent"): "mkdir -p",
		file:                         "choose an empty folder",
		full:                         "choose an empty folder",
		"/proc":                      "mount of type proc",
	} {
		if _, err := prepareMountpoint(path); err == nil || !strings.Contains(err.Error(), remedy) {
			t.Errorf("%q: %v; want an error with %q", path, err, remedy)
		}
	}
}

func TestRelativeMountpoint(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.Mkdir("mnt", 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := prepareMountpoint("mnt"); err != nil || got != filepath.Join(dir, "mnt") {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestCheckFUSE(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "fuse.conf")
	if err := os.WriteFile(conf, []byte("#user_allow_other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := checkFUSE(filepath.Join(dir, "fuse"), conf, false); err == nil || !strings.Contains(err.Error(), "modprobe fuse") {
		t.Errorf("without the device: %v", err)
	}
	if err := checkFUSE(dir, conf, false); err == nil {
		t.Error("taken for the device: a folder")
	}
	if err := checkFUSE(conf, conf, false); err != nil {
		t.Errorf("with everything: %v", err)
	}
	t.Setenv("PATH", dir)
	if err := checkFUSE(conf, conf, false); err == nil || !strings.Contains(err.Error(), "fuse3") {
		t.Errorf("without fusermount3: %v", err)
	}
}

func TestAllowsOther(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "fuse.conf")
	if allowsOther(conf) {
		t.Error("allowed by a file that is not there")
	}
	for text, want := range map[string]bool{
		"#user_allow_other\n":                   false,
		"mount_max = 1000\nuser_allow_other \n": true,
	} {
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := allowsOther(conf); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestParseMounts(t *testing.T) {
	text := `29 1 259:1 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p1 rw,discard
97 29 0:49 / /mnt/my\040films\134x rw,nosuid,nodev,relatime shared:53 - fuse.s3mpfs films/2026 rw,user_id=1000,group_id=1000
garbage
98 97 0:50 / /mnt/y rw - tmpfs tmpfs rw
`
	want := []mountEntry{
		{"/", "ext4", "/dev/nvme0n1p1", 0},
		{`/mnt/my films\x`, "fuse.s3mpfs", "films/2026", 1000},
		{"/mnt/y", "tmpfs", "tmpfs", 0},
	}
	if got := parseMounts([]byte(text)); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAMountPointIsClaimedOnce(t *testing.T) {
	dir := t.TempDir()
	release, err := claimMountpoint(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := claimMountpoint(dir); err == nil || !strings.Contains(err.Error(), "is in use") {
		t.Errorf("claimed twice: %v", err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
	again, err := claimMountpoint(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil {
		t.Error(err)
	}
	if _, err := claimMountpoint("/proc"); err == nil || !strings.Contains(err.Error(), "faster") {
		t.Errorf("what is mounted is claimed: %v", err)
	}
}
