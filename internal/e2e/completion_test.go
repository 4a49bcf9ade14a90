package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCompletions loads each shell's completion script into that shell, as the
// package installs it, and asks for what may follow --on-kill.
func TestCompletions(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	script := func(t *testing.T, shell, name string) string {
		code, text := b.s3mpfs("completion", shell)
		if code != 0 {
			t.Fatalf("exit code %d: %s", code, text)
		}
		return b.local(name, []byte(text))
	}
	const want = "park"
	t.Run("bash", func(t *testing.T) {
		code, output := b.bash(b.work, `set +eu
			. /usr/share/bash-completion/bash_completion
			. `+script(t, "bash", "s3mpfs.bash")+`
			COMP_WORDS=(s3mpfs mount --on-kill ''); COMP_CWORD=3 COMP_LINE='s3mpfs mount --on-kill ' COMP_POINT=23 COMP_TYPE=9
			__start_s3mpfs
			printf '%s\n' "${COMPREPLY[@]}"`)
		if code != 0 || !strings.Contains(output, want) {
			t.Errorf("exit code %d: %s", code, output)
		}
	})
	t.Run("fish", func(t *testing.T) {
		code, output := b.bash(b.work, `fish --no-config -c 'source `+script(t, "fish", "s3mpfs.fish")+`; complete -C "s3mpfs mount --on-kill "'`)
		if code != 0 || !strings.Contains(output, want) {
			t.Errorf("exit code %d: %s", code, output)
		}
	})
	t.Run("zsh", func(t *testing.T) {
		script(t, "zsh", "_s3mpfs")
		zsh := b.command()
		zsh.Path, zsh.Args, zsh.Dir = "/usr/bin/zsh", []string{"zsh", "-f", "-i"}, b.work
		zsh.Env = append(zsh.Env, "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"), "TERM=dumb", "LC_ALL=C")
		x := onTerminal(t, zsh, 24, 80)
		x.press("PS1=; fpath=($PWD $fpath); autoload -U compinit; compinit -u -D; echo rea''dy\n")
		x.await("ready")
		x.press("s3mpfs mount --on-kill \t\t")
		x.await(want)
	})
}
