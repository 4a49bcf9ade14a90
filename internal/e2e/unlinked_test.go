package e2e

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"syscall"
	"testing"
)

// TestUnlinkedFilesDoNotStopOthers: files that were removed while they are open
// hold all memory, and a program that begins another goes on writing.
func TestUnlinkedFilesDoNotStopOthers(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t), "--part-size=5MiB", "--memory=20MiB")
	var unlinked []*os.File
	for seed := range byte(8) {
		f := m.unlinked()
		m.write(f, random(seed, 4*mib))
		unlinked = append(unlinked, f)
	}
	want := random(100, 12*mib)
	if err := m.writeFile("f", want); err != nil {
		t.Fatal(err)
	}
	m.wantObject("f", want)
	for seed, f := range unlinked {
		got := make([]byte, 4*mib)
		if _, err := f.ReadAt(got, 0); err != nil && !errors.Is(err, syscall.ESTALE) {
			t.Errorf("reading what may have given way: %v, want ESTALE", err)
		} else if err == nil && !bytes.Equal(got, random(byte(seed), 4*mib)) {
			t.Error("wrong bytes were read")
		}
		m.close(f)
	}
	if code, output := m.umount(); code != 0 {
		t.Errorf("umount: %d\n%s", code, output)
	}
	if keys := m.keys(); !slices.Equal(keys, []string{"f"}) {
		t.Errorf("objects: %q", keys)
	}
}

// TestTemporaryFileWithoutAName: what was written is read back.
func TestTemporaryFileWithoutAName(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t))
	f, want := m.unlinked(), random(1, 50*mib)
	m.write(f, want)
	got := make([]byte, len(want))
	if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read back: %v, %s", err, difference(got, want))
	}
	m.close(f)
	if keys := m.keys(); len(keys) > 0 {
		t.Errorf("objects: %q", keys)
	}
}

// unlinked opens a new file and takes its name away.
func (m *mount) unlinked() *os.File {
	m.t.Helper()
	f := m.open("temporary", os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err := os.Remove(f.Name()); err != nil {
		m.t.Fatal(err)
	}
	return f
}
