package writer_test

import (
	"os"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/modeltest"
)

func TestMain(m *testing.M) {
	modeltest.Length{Checks: 500, LongChecks: 100_000, Steps: 50}.Parse()
	os.Exit(m.Run())
}
