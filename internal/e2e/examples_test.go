package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/s3server"
)

// documented is a bucket with the name that the documentation uses, on a server
// of its own.
func documented(t *testing.T, names ...string) *bucket {
	t.Helper()
	b := newBucket(t, &store{Server: s3server.Start(t), checksums: true, ifMatch: true, lines: true})
	for _, name := range names {
		if err := b.store.CreateBucket(context.Background(), name); err != nil {
			t.Fatal(err)
		}
		b.b.Name = name
	}
	return b
}

// bash runs a script where s3mpfs is on the PATH, with more variables.
func (b *bucket) bash(dir, script string, vars ...string) (code int, output string) {
	b.t.Helper()
	sh := b.command()
	sh.Path, sh.Args, sh.Dir = "/bin/bash", []string{"bash", "-euo", "pipefail", "-c", script}, dir
	sh.Env = append(append(sh.Env, "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"), "LC_ALL=C"), vars...)
	return b.runCommand(sh)
}

// block is the indented block of a document behind a heading.
func block(t *testing.T, document, heading string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", document))
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), heading+"\n")
	found := regexp.MustCompile(`(?m)(?:^    .*\n)+`).FindString(section)
	if !ok || found == "" {
		t.Fatalf("%s has no block behind %q", document, heading)
	}
	return strings.Split(strings.TrimSpace(found), "\n")
}

// TestReadmeMountsABucket runs the commands of README's first section, word for
// word: the first in the repository, as it says, the others beside a movie.
func TestReadmeMountsABucket(t *testing.T) {
	t.Parallel()
	lines := block(t, "README.md", "## Mount a bucket")
	if len(lines) != 3 {
		t.Fatalf("the lines are %q", lines)
	}
	b := documented(t, "my-bucket")
	home := t.TempDir()
	vars := []string{"HOME=" + home, "PATH=" + home + "/bin:" + os.Getenv("PATH")}
	goEnv, err := exec.Command("go", "env", "GOCACHE", "GOPATH", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	for i, value := range strings.Fields(string(goEnv)) {
		vars = append(vars, []string{"GOCACHE=", "GOPATH=", "GOMODCACHE="}[i]+value)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if code, output := b.bash(root, lines[0], vars...); code != 0 {
		t.Fatalf("%s: exit code %d: %s", lines[0], code, output)
	}
	films := filepath.Join(home, "films")
	mountPoints.Store(films, true)
	t.Cleanup(func() {
		if mounted(films) {
			t.Errorf("still mounted: %s", films)
			b.s3mpfs("umount", films)
		}
	})
	content := random(1, 23*mib)
	b.local("movie.mp4", content)
	code, output := b.bash(b.work, strings.Join(lines[1:], "\n"), vars...)
	if code != 0 || !strings.Contains(output, "Everything is durable") {
		t.Errorf("exit code %d: %s", code, output)
	}
	b.wantObject("movie.mp4", content)
}

// TestExamplesOfFstab mounts each line of the examples by mount(8), as at the
// start of a machine: in a name space of its own, where /mnt is empty and
// s3mpfs is installed. Only the address of the other store is replaced. findmnt
// finds nothing wrong with the table either.
func TestExamplesOfFstab(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // only root reads /etc/fstab for this
	}
	table, err := os.ReadFile("../../scripts/systemd/fstab")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"CONFIGURATION":         strings.Join(block(t, "docs/CONFIGURATION.md", "## /etc/fstab"), "\n") + "\n",
		"scripts/systemd/fstab": string(table),
	} {
		t.Run(name, func(t *testing.T) {
			b := documented(t, "archive", "my-bucket")
			fstab := b.local("fstab", []byte(strings.ReplaceAll(text, "https://minio.example:9000", b.endpoint)))
			keys := b.local("credentials", []byte("[minio]\naws_access_key_id = "+b.store.AccessKey+"\naws_secret_access_key = "+b.store.SecretKey+"\n"))
			code, output := b.bash(b.work, `unshare --mount --propagation private bash -euo pipefail -c '
				mount -t tmpfs tmpfs /mnt
				mkdir "$TMP/bin"
				ln -s "$BINARY" "$TMP/bin/s3mpfs"
				mount --bind "$TMP/bin" /usr/local/bin
				points=$(awk "\$1 !~ /^#/ && NF {print \$2}" "$FSTAB")
				mkdir $points
				findmnt --verify --tab-file "$FSTAB"
				trap "for p in $(echo $points); do ! mountpoint -q \$p || s3mpfs umount \$p; done" EXIT
				for p in $points; do
					mount --fstab "$FSTAB" "$p"
					findmnt --noheadings --output SOURCE,FSTYPE "$p"
					if grep -q "$p .*,ro," "$FSTAB"; then
						! touch "$p/f" 2>/dev/null
					else
						echo "$p" > "$p/f"
					fi
				done'`,
				"TMP="+b.work, "BINARY="+binary, "FSTAB="+fstab, "AWS_SHARED_CREDENTIALS_FILE="+keys)
			if code != 0 {
				t.Fatalf("exit code %d: %s", code, output)
			}
			for _, line := range regexp.MustCompile(`(?m)^(my-bucket)/(\S+) +(\S+)`).FindAllStringSubmatch(text, -1) {
				b.wantObject(line[2]+"/f", []byte(line[3]+"\n"))
			}
		})
	}
}

// TestSystemdTakesTheUnits as they are, but for the place of the program.
func TestSystemdTakesTheUnits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var units []string
	for _, name := range []string{"s3mpfs.service", "s3mpfs@.service"} {
		text, err := os.ReadFile(filepath.Join("../../scripts/systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		unit := filepath.Join(dir, strings.Replace(name, "@", "@mnt-raw", 1))
		if err := os.WriteFile(unit, []byte(strings.ReplaceAll(string(text), "/usr/bin/s3mpfs", binary)), 0o644); err != nil {
			t.Fatal(err)
		}
		units = append(units, unit)
	}
	output, err := exec.Command("systemd-analyze", append([]string{"verify", "--man=no"}, units...)...).CombinedOutput()
	if err != nil || strings.Contains(string(output), dir) {
		t.Errorf("%v: %s", err, output)
	}
}
