// Package layers holds the direction in which the packages of s3mpfs import
// each other: cmd -> fs -> writer, and AWS types in the S3 calls alone.
package layers

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/s3mpfs/s3mpfs/"

// mustNot says what the programs' packages below a folder may not import: an
// entry ends with a slash where all below it are meant.
var mustNot = map[string][]string{
	"writer":             {module + "fs", module + "cmd/", module + "writer/s3store", "github.com/aws/", "github.com/hanwen/"},
	"writer/s3store":     {module + "fs", module + "cmd/", "github.com/hanwen/"},
	"fs":                 {module + "cmd/", module + "writer/s3store", "github.com/aws/"},
	"internal/memory":    {module, "github.com/aws/", "github.com/hanwen/"},
	"internal/readahead": {module + "fs", module + "cmd/", module + "writer/s3store", "github.com/aws/", "github.com/hanwen/"},
	"internal/control":   {module + "cmd/", "github.com/aws/"},
	"internal/metrics":   {module + "fs", module + "cmd/", "github.com/aws/"},
}

func TestImportsRunOneWay(t *testing.T) {
	for folder, forbidden := range mustNot {
		files, err := filepath.Glob(filepath.Join("../..", folder, "*.go"))
		if err != nil || len(files) == 0 {
			t.Errorf("%s: %d files, %v", folder, len(files), err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, path := range imports(t, file) {
				if slices.ContainsFunc(forbidden, func(f string) bool {
					return path == f || strings.HasSuffix(f, "/") && strings.HasPrefix(path, f)
				}) {
					t.Errorf("%s imports %s", file, path)
				}
			}
		}
	}
}

// TestOnlyTheCallsKnowAWS: beside the S3 calls and the command, only what serves
// or measures tests may know the SDK.
func TestOnlyTheCallsKnowAWS(t *testing.T) {
	allowed := []string{"writer/s3store", "cmd/s3mpfs", "internal/s3server", "internal/faultproxy", "internal/bench", "internal/demo", "internal/e2e"}
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel("../..", path)
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") ||
			slices.ContainsFunc(allowed, func(a string) bool { return strings.HasPrefix(name, a+"/") }) {
			return err
		}
		for _, imported := range imports(t, path) {
			if strings.HasPrefix(imported, "github.com/aws/") {
				t.Errorf("%s imports %s", name, imported)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func imports(t *testing.T, file string) (paths []string) {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, source, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range parsed.Imports {
		paths = append(paths, strings.Trim(i.Path.Value, `"`))
	}
	return paths
}
