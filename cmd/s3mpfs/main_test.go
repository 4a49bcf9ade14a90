package main

import "testing"

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		code int
		args []string
	}{
		{exitOK, []string{"version"}},
		{exitOK, []string{"--help"}},
		{exitOK, []string{"mount", "--help"}},
		{exitOK, []string{"completion", "bash"}},
		{exitOK, []string{"completion", "zsh"}},
		{exitOK, []string{"completion", "fish"}},
		{exitUsage, []string{"mout"}},
		{exitUsage, []string{"mount"}},
		{exitUsage, []string{"mount", "films"}},
		{exitUsage, []string{"mount", "films", "/mnt", "more"}},
		{exitUsage, []string{"mount", "Films", "/mnt"}},
		{exitUsage, []string{"mount", "films", "/mnt", "--part-size", "1B"}},
		{exitUsage, []string{"umount"}},
		{exitUsage, []string{"status", "/a", "/b"}},
		{exitUsage, []string{"version", "--json"}},
		{exitOK, []string{"uploads", "--help"}},
		{exitUsage, []string{"uploads", "drop"}},
		{exitUsage, []string{"uploads", "list"}},
		{exitUsage, []string{"uploads", "abort", "Films"}},
		{exitUsage, []string{"uploads", "list", "films", "--older-than", "-1h"}},
		{exitUsage, []string{"films", "/mnt", "-o", "nonsense"}},
		{exitUsage, []string{"films", "/mnt"}},
		{exitUsage, []string{"umout", "/mnt"}},
		{exitMountpoint, []string{"mount", "films", "/no/such/folder"}},
		{exitMountpoint, []string{"umount", "/no/such/folder"}},
		{exitMountpoint, []string{"status", "/no/such/folder"}},
	} {
		if got := run(append([]string{"s3mpfs"}, c.args...)); got != c.code {
			t.Errorf("%q: exit code %d, want %d", c.args, got, c.code)
		}
	}
}
