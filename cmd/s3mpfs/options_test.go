package main

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/s3mpfs/s3mpfs/internal/size"
)

// parseOptions reads -o as the mount command does.
func parseOptions(t *testing.T, lists ...string) (*settings, error) {
	t.Helper()
	s := defaultSettings()
	c := &cobra.Command{Use: "mount"}
	addFlagGroups(c, s.flagGroups())
	err := s.applyOptions(c.Flags(), lists)
	return s, errors.Join(err, s.check())
}

func TestOptionsOfFstab(t *testing.T) {
	s, err := parseOptions(t,
		"rw,_netdev,nofail,noauto,user=joe,x-systemd.automount,x-systemd.idle-timeout=60,X-mount.mkdir,comment=hello,relatime,nosuid,nodev",
		`ro,allow_other,part_size=32MiB,memory=1GiB,endpoint-url=https://minio.example:9000,uid=7,metadata=a=b,"metadata=c=d,e",metadata_ttl=5s`)
	if err != nil {
		t.Fatal(err)
	}
	if !s.readOnly || !s.allowOther || s.partSize != 32*size.MiB || s.endpointURL != "https://minio.example:9000" ||
		s.uid != 7 || s.metadata["a"] != "b" || s.metadata["c"] != "d,e" {
		t.Errorf("got %+v", s)
	}
}

func TestEveryFlagIsAnOption(t *testing.T) {
	for _, group := range defaultSettings().flagGroups() {
		group.VisitAll(func(f *pflag.Flag) {
			_, err := parseOptions(t, strings.ReplaceAll(f.Name, "-", "_")+"="+f.DefValue)
			if f.Name != optionsFlag && err != nil && strings.Contains(err.Error(), "no such option") {
				t.Errorf("--%s: %v", f.Name, err)
			}
		})
	}
}

func TestOptionsThatAreRefused(t *testing.T) {
	for option, says := range map[string]string{
		"nonsense":          "-o nonsense: there is no such option",
		"sync":              "no such option",
		"options=ro":        "no such option",
		"help":              "no such option",
		"access_key=secret": "-o access_key: there is no such option",
		"part_size":         "part_size=size",
		"part_size=ten":     "-o part_size",
		"memory=1MiB":       "--memory",
		"read_only=maybe":   "-o read_only",
	} {
		_, err := parseOptions(t, option)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("-o %s: %v, want %q", option, err, says)
		}
	}
}

func TestNoExecIsForRoot(t *testing.T) {
	if _, err := parseOptions(t, "noexec"); (err == nil) != (os.Geteuid() == 0) {
		t.Error(err)
	}
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct{ argv, want string }{
		{"s3mpfs mount films /mnt -f", "mount films /mnt -f"},
		{"s3mpfs films /mnt -o ro", "mount films /mnt -o ro"},
		{"/usr/bin/s3mpfs films /mnt -oro", "mount films /mnt -oro"},
		{"s3mpfs films /mnt", "films /mnt"},
		{"s3mpfs status /mnt -o x", "status /mnt -o x"},
		{"s3mpfs unmount /mnt -o x", "unmount /mnt -o x"},
		{"s3mpfs completion bash -o x", "completion bash -o x"},
		{"/sbin/mount.s3mpfs films /mnt", "mount films /mnt"},
		{"/sbin/mount.fuse.s3mpfs films /mnt -o rw,_netdev", "mount films /mnt --options rw,_netdev"},
		{"mount.fuse3.s3mpfs films /mnt -n -sv -t fuse.s3mpfs -N 5 -o ro -o uid=1", "mount films /mnt --options ro --options uid=1"},
		{"mount.s3mpfs -h", "mount --help"},
		{"/sbin/umount.s3mpfs /mnt", "umount8 /mnt"},
		{"/sbin/umount.fuse.s3mpfs /mnt -n -t fuse.s3mpfs", "umount8 /mnt -n -t fuse.s3mpfs"},
	} {
		got, err := commandLine(newRootCommand(), strings.Fields(c.argv))
		if err != nil || !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%s: %q, %v; want %s", c.argv, got, err, c.want)
		}
	}
	if _, err := commandLine(newRootCommand(), strings.Fields("mount.s3mpfs films /mnt -f")); !errors.Is(err, errFake) {
		t.Errorf("a fake mount: %v", err)
	}
	if _, err := commandLine(newRootCommand(), strings.Fields("mount.s3mpfs films /mnt --memory 1G")); exitCode(err) != exitUsage {
		t.Errorf("a flag that is none of mount(8): %v", err)
	}
}

func FuzzOptions(f *testing.F) {
	for _, list := range []string{"ro,_netdev", `a="b,c",d`, `"`, ",,", "part_size=1", "\x8d"} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		for _, option := range splitOptions(list) {
			if option == "" || strings.Contains(option, `"`) || !strings.Contains(strings.ReplaceAll(list, `"`, ""), option) {
				t.Errorf("%q has the option %q", list, option)
			}
		}
		// Whatever it is, it is taken or refused.
		_, _ = parseOptions(t, list)
	})
}
