package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

func TestFolders(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store) {
		m := mountBucket(t, s)
		m.put("implicit/deep/er/file", []byte("x"))
		m.put("marked/", nil)
		m.put("top", []byte("y"))
		m.wantOutput(`cd $MNT; find . | sort`, `
			.
			./implicit
			./implicit/deep
			./implicit/deep/er
			./implicit/deep/er/file
			./marked
			./top`)
		m.sh(`
			mkdir $MNT/new $MNT/new/inner
			cp $MNT/top $MNT/new/inner/copy
			cat $MNT/implicit/deep/er/file
			test -d $MNT/implicit; test -d $MNT/marked; test -f $MNT/top`)
		m.wantObject("new/inner/copy", []byte("y"))
		m.wantOutput(`ls -A $MNT $MNT/new`, fmt.Sprintf(`
			%[1]s:
			implicit
			marked
			new
			top

			%[1]s/new:
			inner`, m.dir))
		m.sh(`rm $MNT/new/inner/copy; rmdir $MNT/new/inner $MNT/new $MNT/marked; rm -r $MNT/implicit; rm $MNT/top`)
		if keys := m.keys(); len(keys) != 0 {
			t.Errorf("objects left: %q", keys)
		}
		m.wantOutput(`ls -A $MNT`, ``)
	})
}

// wantOutput compares what a script prints, but for indentation of want.
func (m *mount) wantOutput(script, want string) {
	m.t.Helper()
	want = strings.TrimSpace(strings.ReplaceAll(want, "\t", ""))
	if got := strings.TrimSpace(m.sh(script)); got != want {
		m.t.Errorf("%s:\n%s\nwant:\n%s", script, got, want)
	}
}

func TestErrorsOfNames(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t))
	m.put("file", []byte("x"))
	m.put("dir/file", []byte("x"))
	for what, c := range map[string]struct {
		err  error
		want syscall.Errno
	}{
		"open what is not there":   {errOf(os.Open(m.path("nothing"))), syscall.ENOENT},
		"stat below a file":        {errOf(os.Stat(m.path("file/x"))), syscall.ENOTDIR},
		"mkdir over a file":        {os.Mkdir(m.path("file"), 0o755), syscall.EEXIST},
		"mkdir over a folder":      {os.Mkdir(m.path("dir"), 0o755), syscall.EEXIST},
		"mkdir in nothing":         {os.Mkdir(m.path("nothing/x"), 0o755), syscall.ENOENT},
		"rmdir of a full folder":   {syscall.Rmdir(m.path("dir")), syscall.ENOTEMPTY},
		"rmdir of a file":          {syscall.Rmdir(m.path("file")), syscall.ENOTDIR},
		"unlink of a folder":       {syscall.Unlink(m.path("dir")), syscall.EISDIR},
		"unlink of nothing":        {syscall.Unlink(m.path("nothing")), syscall.ENOENT},
		"write to a folder":        {errOf(os.OpenFile(m.path("dir"), os.O_WRONLY, 0)), syscall.EISDIR},
		"a name of 256 bytes":      {os.WriteFile(m.path(strings.Repeat("n", 256)), nil, 0o644), syscall.ENAMETOOLONG},
		"a key of over 1024 bytes": {m.deepFolder(), syscall.ENAMETOOLONG},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", what, c.err, c.want)
		}
	}
	m.wantObject("file", []byte("x"))
}

func errOf[T any](_ T, err error) error { return err }

// deepFolder makes folders in folders until it is refused.
func (m *mount) deepFolder() (err error) {
	name := "deep"
	for ; err == nil && len(name) < 4000; name = filepath.Join(name, strings.Repeat("d", 200)) {
		err = os.Mkdir(m.path(name), 0o755)
	}
	return err
}

// TestUnusualNames: whatever Linux takes as a name, S3 takes as a key.
func TestUnusualNames(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store) {
		m := mountBucket(t, s)
		names := []string{"with space", "ünïcödé", "日本語.txt", "a+b&c=d?e#f%20g", "quote'\"", "tab\t", "back\\slash",
			"-dash", "~tilde", "*glob*", "[brackets]", "emoji😀", "trailing.", ".hidden", "$dollar", strings.Repeat("n", 250)}
		if s.lines {
			names = append(names, "new\nline")
		}
		for _, name := range names {
			if err := os.WriteFile(m.path(name), []byte(name), 0o644); err != nil {
				t.Errorf("%q: %v", name, err)
				continue
			}
			m.wantObject(name, []byte(name))
		}
		var got []string
		entries, err := os.ReadDir(m.dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			got = append(got, e.Name())
		}
		slices.Sort(names)
		if !slices.Equal(got, names) {
			t.Errorf("names %q, want %q", got, names)
		}
	})
}

// TestKeysThatAreNoNames breaks no listing. versitygw, whose keys are paths,
// cannot hold such keys.
func TestKeysThatAreNoNames(t *testing.T) {
	t.Parallel()
	onMoto(t, func(t *testing.T, s *store) {
		m := mountBucket(t, s)
		for _, key := range []string{"a//b", "x/../y", "./z", "both", "both/inner", "/lead", strings.Repeat("l", 300), "good"} {
			m.put(key, []byte(key))
		}
		entries, err := os.ReadDir(m.dir)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		for _, want := range []string{"a", "both", "good"} {
			if !slices.Contains(names, want) {
				t.Errorf("%q is not listed: %q", want, names)
			}
		}
		for _, name := range names {
			if name == "" || name == "." || name == ".." || len(name) > 255 || strings.Contains(name, "/") {
				t.Errorf("%q is listed", name)
			}
		}
		if len(slices.Compact(slices.Clone(names))) != len(names) {
			t.Errorf("a name is listed twice: %q", names)
		}
		m.sh(`find $MNT -ls > /dev/null; cat $MNT/good`)
		m.sh(`ls $MNT $MNT $MNT > /dev/null`)
		if n := strings.Count(m.log(), strings.Repeat("l", 300)); n > 2 {
			t.Errorf("the key that is too long was logged %d times", n)
		}
	})
}

// TestManyKeys lists a folder of 100,000 objects that others have written, each
// once: every thousand names cost one request, and none costs one of its own.
func TestManyKeys(t *testing.T) {
	t.Parallel()
	const n = 100_000
	m, proxy := counted(t)
	fill(t, filepath.Join(m.store.Dir, m.b.Name, "many"), n)
	for _, script := range []string{
		`ls -lR $MNT | grep -c ' k[0-9]*$'`,
		`find $MNT/many -type f | sort -u | wc -l`,
	} {
		proxy.ResetCounts()
		m.wantOutput(script, fmt.Sprint(n))
		counts := proxy.Counts()
		if lists, heads := counts[s3op.ListObjectsV2].Requests, counts[s3op.HeadObject].Requests; lists > 110 || heads > 1 {
			t.Errorf("%s cost %d LIST and %d HEAD", script, lists, heads)
		}
	}
	m.wantOutput(`stat -c %s $MNT/many/k077777`, `0`)
}

// fill makes n empty objects by making the server's files.
func fill(t *testing.T, dir string, n int) {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var workers sync.WaitGroup
	for w := range 4 {
		workers.Go(func() {
			for i := w; i < n; i += 4 {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("k%06d", i)), nil, 0o644); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	workers.Wait()
}

// TestPrefix: what is mounted is a part of the bucket.
func TestPrefix(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store) {
		b := newBucket(t, s)
		b.b.Put(t, "outside", []byte("x"))
		b.b.Put(t, "some/folder/inside", []byte("y"))
		b.b.Put(t, "some/folder2/outside", []byte("x"))
		b.prefix = "some/folder/"
		m := b.mount()
		m.wantOutput(`ls -A $MNT`, `inside`)
		m.sh(`echo z > $MNT/new; mkdir $MNT/d; cat $MNT/inside`)
		m.wantObject("new", []byte("z\n"))
		if !b.b.Exists(t, "some/folder/new") || !b.b.Exists(t, "some/folder/d/") {
			t.Errorf("objects %q", b.keys())
		}
	})
}

// TestAnotherMachinesObjects show up and go away.
func TestAnotherMachinesObjects(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t), "--metadata-ttl", "0s")
	m.wantOutput(`ls -A $MNT`, ``)
	m.put("theirs", random(1, 1000))
	m.wantOutput(`ls -A $MNT; stat -c %s $MNT/theirs`, "theirs\n1000")
	m.put("theirs", random(2, 2000))
	m.local("two", random(2, 2000))
	m.sh(`cmp two $MNT/theirs`)
	m.b.Delete(t, "theirs")
	if _, err := os.Stat(m.path("theirs")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("stat of what is gone: %v", err)
	}
	m.wantOutput(`ls -A $MNT`, ``)
}
