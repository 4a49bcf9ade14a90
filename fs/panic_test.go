package fs_test

import (
	"strings"
	"testing"

	"github.com/s3mpfs/s3mpfs/fs"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// TestPanic: a fault of the program in one request, in a handler or in one of
// its own goroutines, is EIO for the program that asked and a stack in the log.
// Other files are served, and the same one afterwards.
func TestPanic(t *testing.T) {
	const big = `head -c 3000 /dev/zero`
	for op, script := range map[string]string{
		s3op.HeadObject:              `cat old`,
		s3op.ListObjectsV2:           `ls dir`,
		s3op.GetObject:               `cat old`,
		s3op.PutObject:               `dd if=/dev/zero of=new bs=100 count=1 status=none`,
		s3op.CreateMultipartUpload:   big + ` > new`,
		s3op.UploadPart:              big + ` > new`,
		s3op.CompleteMultipartUpload: big + ` > new`,
		s3op.UploadPartCopy:          `dd if=/dev/zero of=old count=1 oflag=append conv=notrunc status=none`,
		s3op.CopyObject:              `mv small new`,
		s3op.DeleteObject:            `rm old`,
	} {
		t.Run(op, func(t *testing.T) {
			m := mount(t, settings{Engine: tiny(), Options: fs.Options{MetadataTTL: -1}})
			old := strings.Repeat("old", 1000)
			m.set("old", old)
			m.set("small", "small")
			m.set("dir/x", "x")
			m.sh(`stat old small dir > /dev/null`)
			m.call("Panic", op, &None{})
			out, err := m.try(script)
			if err == nil || !strings.Contains(out, "Input/output error") {
				t.Errorf("%s: %v: %s", script, err, out)
			}
			m.call("Panic", "", &None{})
			m.expect("old", old)
			m.sh(`echo other > other; cat other old > /dev/null`)
			if out, err := m.try(script); err != nil {
				t.Errorf("%s, again: %v: %s", script, err, out)
			}
			var log string
			m.call("Log", None{}, &log)
			if !strings.Contains(log, "problem=injected") || !strings.Contains(log, "goroutine ") {
				t.Errorf("the log has no stack:\n%s", log)
			}
		})
	}
}
