package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"time"
)

// sh runs a script, in a folder of its own unless it changes there, with the
// mount point in $MNT and the folder in $TMP, and gives what it printed. A
// command of it that fails fails the test.
func (m *mount) sh(script string, vars ...string) string {
	m.t.Helper()
	code, output := m.try(script, vars...)
	if code != 0 {
		m.t.Fatalf("exit code %d of\n%s\n%s", code, script, output)
	}
	return output
}

// try is sh that gives the exit code.
func (m *mount) try(script string, vars ...string) (code int, output string) {
	m.t.Helper()
	cmd := m.script(script, vars...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	// A program that waits for the mount cannot be killed, but the mount can.
	hung := time.AfterFunc(2*patience, func() {
		cmd.Process.Kill()
		m.kill()
	})
	defer hung.Stop()
	return exitCode(m.t, cmd.Wait()), out.String()
}

// script prepares a script as for sh.
func (m *mount) script(script string, vars ...string) *exec.Cmd {
	m.t.Helper()
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
	cmd.Dir = m.work
	cmd.Env = append(os.Environ(), "MNT="+m.dir, "TMP="+m.work, "LC_ALL=C")
	cmd.Env = append(cmd.Env, vars...)
	return cmd
}
