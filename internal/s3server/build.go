package s3server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	"golang.org/x/sys/unix"
)

// ProgramEnv names the environment variable that may hold the path of a
// versitygw to use instead of one that is built.
const ProgramEnv = "S3MPFS_VERSITYGW"

// versitygw gives the path of the program. It is built once for each version
// that scripts/versitygw names, and kept in the user's cache.
func versitygw(ctx context.Context) (string, error) {
	if program := os.Getenv(ProgramEnv); program != "" {
		return program, nil
	}
	module, err := findModule()
	if err != nil {
		return "", err
	}
	version, err := pinnedVersion(module)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	program := filepath.Join(cache, "s3mpfs", "versitygw-"+version)
	return program, buildOnce(ctx, module, program)
}

// findModule finds scripts/versitygw above the working directory, which in a
// test is the folder of the package.
func findModule() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		module := filepath.Join(dir, "scripts", "versitygw")
		if _, err := os.Stat(filepath.Join(module, "go.mod")); err == nil {
			return module, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no scripts/versitygw above the working directory")
		}
	}
}

var pinned = regexp.MustCompile(`github\.com/versity/versitygw (v\S+)`)

func pinnedVersion(module string) (string, error) {
	text, err := os.ReadFile(filepath.Join(module, "go.mod"))
	if err != nil {
		return "", err
	}
	match := pinned.FindSubmatch(text)
	if match == nil {
		return "", fmt.Errorf("%s/go.mod pins no versitygw", module)
	}
	return string(match[1]), nil
}

// buildOnce makes program if it is not there. Test binaries run side by side,
// so a lock on a file beside it lets one build while the others wait.
func buildOnce(ctx context.Context, module, program string) error {
	if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(program+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close() // which gives the lock up
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	if _, err := os.Stat(program); err == nil {
		return nil
	}
	return build(ctx, module, program)
}

func build(ctx context.Context, module, program string) error {
	unfinished := program + ".unfinished"
	cmd := exec.CommandContext(ctx, "go", "build", "-o", unfinished, "github.com/versity/versitygw/cmd/versitygw")
	cmd.Dir = module
	// Only what the module says counts; no C compiler is needed.
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build versitygw: %w: %s", err, out)
	}
	return os.Rename(unfinished, program)
}
