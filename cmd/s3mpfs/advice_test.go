package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestAdvice(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(adviser{slog.NewTextHandler(&out, nil), &settings{bucket: "films"}})
	for _, c := range []struct {
		write   func()
		advised bool
	}{
		{func() { log.Warn("upload parked", "key", "raw/a", "upload_id", "u1") }, true},
		{func() { log.With("a", 1).WithGroup("g").Error("left behind", "key", "raw/a", "upload_id", "u1") }, true},
		{func() { log.Info("stale upload aborted", "key", "raw/a", "upload_id", "u1") }, false},
		{func() { log.Error("close failed", "path", "a", "upload_id", "u1") }, false},
		{func() { log.Error("close failed", "key", "raw/a", "upload_id", "") }, false},
	} {
		out.Reset()
		c.write()
		for _, verb := range []string{"complete", "abort"} {
			command := `to_` + verb + `="s3mpfs uploads ` + verb + ` films/raw/a --upload-id u1"`
			if strings.Contains(out.String(), command) != c.advised {
				t.Errorf("advised to %s: %v in %s", verb, !c.advised, &out)
			}
		}
	}
}
