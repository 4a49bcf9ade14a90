package fs

import (
	"strings"
	"sync"
	"testing"

	"github.com/s3mpfs/s3mpfs/writer"
)

// TestBottomUp: a directory's marker goes when nothing is left below it.
func TestBottomUp(t *testing.T) {
	keys := []string{"d/", "d/a/", "d/a/b/", "d/a/b/f", "d/a/g", "d/c/", "d/c/h", "e"}
	left := map[string]bool{}
	var objects []writer.Object
	for _, k := range keys {
		left[k] = true
		objects = append(objects, writer.Object{Key: k})
	}
	var mu sync.Mutex
	err := bottomUp(objects, func(o writer.Object) error {
		mu.Lock()
		defer mu.Unlock()
		delete(left, o.Key)
		for k := range left {
			if strings.HasSuffix(o.Key, "/") && strings.HasPrefix(k, o.Key) {
				t.Errorf("%s goes before %s", o.Key, k)
			}
		}
		return nil
	})
	if err != nil || len(left) > 0 {
		t.Errorf("left %v: %v", left, err)
	}
}
