package modeltest

import (
	"os"
	"os/exec"
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

// failVariable makes the binary a test that fails now and then.
const failVariable = "S3MPFS_TEST_FAIL"

func TestMain(m *testing.M) {
	Length{Checks: 1000, LongChecks: 1000, Steps: 20}.Parse()
	os.Exit(m.Run())
}

// TestAFailurePrintsItsSeed, with which the same failure comes again at once.
func TestAFailurePrintsItsSeed(t *testing.T) {
	if os.Getenv(failVariable) != "" {
		rapid.Check(t, failRarely)
		return
	}
	first := fail(t)
	seed := regexp.MustCompile(`-rapid\.seed=\d+`).FindString(first)
	if seed == "" {
		t.Fatalf("no seed in\n%s", first)
	}
	draws := regexp.MustCompile(`(?m)\[rapid\] draw .*$`)
	again := fail(t, seed)
	if want, got := draws.FindAllString(first, -1), draws.FindAllString(again, -1); len(want) == 0 || len(got) != len(want) || got[0] != want[0] {
		t.Errorf("the seed repeats\n%s\nnot\n%s", again, first)
	}
}

// failRarely fails in one run of some hundred.
func failRarely(t *rapid.T) {
	sum := 0
	t.Repeat(map[string]func(*rapid.T){
		"add": func(t *rapid.T) { sum += rapid.IntRange(0, 100).Draw(t, "n") },
		"": func(t *rapid.T) {
			if sum%911 == 910 {
				t.Fatalf("the sum is %d", sum)
			}
		},
	})
}

// fail runs this test's failing half in a process of its own.
func fail(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"-test.run=^TestAFailurePrintsItsSeed$", "-rapid.shrinktime=0s"}, args...)...)
	cmd.Env = append(os.Environ(), failVariable+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("it does not fail:\n%s", out)
	}
	return string(out)
}
