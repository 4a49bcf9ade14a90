package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// document reads a file of the documentation.
func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var documents = []string{"README.md", "docs/TROUBLESHOOTING.md", "docs/CONFIGURATION.md", "docs/CONTRIBUTING.md",
	"docs/PERFORMANCE.md", "docs/RELIABILITY.md", "docs/SEMANTICS.md", "CHANGELOG.md"}

// foreignFlags are those of other programs in the documentation.
var foreignFlags = wordSet("full docs metadata mount-flags only runs others device cap-add keep quick long bucket lifecycle-configuration")

// TestDocumentsNameFlagsThatExist looks at each --flag in the documentation.
func TestDocumentsNameFlagsThatExist(t *testing.T) {
	named := regexp.MustCompile("--([a-z][a-z0-9-]+)")
	for _, name := range documents {
		for _, match := range named.FindAllStringSubmatch(document(t, name), -1) {
			if !foreignFlags[match[1]] && !hasFlag(newRootCommand(), match[1]) {
				t.Errorf("%s: there is no flag --%s", name, match[1])
			}
		}
	}
}

// hasFlag tells whether c or a command below it has a flag.
func hasFlag(c *cobra.Command, name string) bool {
	c.InitDefaultHelpFlag()
	if c.Flags().Lookup(name) != nil {
		return true
	}
	for _, below := range c.Commands() {
		if hasFlag(below, name) {
			return true
		}
	}
	return false
}

// TestDocumentsShowCommandsThatExist runs no example, but reads it as the program
// would: each indented line that begins with s3mpfs.
func TestDocumentsShowCommandsThatExist(t *testing.T) {
	example := regexp.MustCompile(`(?m)(?:^    |&& )s3mpfs (.*)$`)
	for _, name := range documents {
		for _, match := range example.FindAllStringSubmatch(document(t, name), -1) {
			words := strings.Fields(strings.Split(match[1], "  ")[0])
			c, rest, err := newRootCommand().Find(words)
			if err == nil {
				err = c.ParseFlags(rest)
			}
			if err == nil {
				err = c.ValidateArgs(c.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s: s3mpfs %s: %v", name, strings.Join(words, " "), err)
			}
		}
	}
}

// TestDocumentsNameCommandsThatExist looks at each `s3mpfs ...` within a text.
func TestDocumentsNameCommandsThatExist(t *testing.T) {
	named := regexp.MustCompile("`s3mpfs ([a-z][^`]*)`")
	for _, name := range documents {
		for _, match := range named.FindAllStringSubmatch(document(t, name), -1) {
			c, rest, err := newRootCommand().Find(strings.Fields(match[1]))
			if err == nil {
				err = c.ParseFlags(rest)
			}
			if err != nil || !c.HasParent() {
				t.Errorf("%s: `s3mpfs %s`: %v", name, match[1], err)
			}
		}
	}
}

// TestTroubleshootingQuotesTheProgram: each heading of one text in quotation
// marks is a text that is in the source.
func TestTroubleshootingQuotesTheProgram(t *testing.T) {
	source := programText(t)
	heading := regexp.MustCompile("(?m)^### `([^`]*)`$")
	headings := heading.FindAllStringSubmatch(document(t, "docs/TROUBLESHOOTING.md"), -1)
	if len(headings) < 20 {
		t.Errorf("only %d headings", len(headings))
	}
	for _, match := range headings {
		if !strings.Contains(source, match[1]) {
			t.Errorf("the program does not say %q", match[1])
		}
	}
}

// programText is the source without that of tests.
func programText(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range []string{"*.go", "../../fs/*.go", "../../writer/*.go", "../../writer/s3store/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(file, "_test.go") {
				all.Write(text)
			}
		}
	}
	return all.String()
}

// TestExamplesOfFstab reads the options of each line as the program would.
func TestExamplesOfFstab(t *testing.T) {
	lines := regexp.MustCompile(`(?m)^ *([a-z][^ ]*) +/mnt/\S+ +fuse\.s3mpfs +(\S+)`)
	for _, name := range []string{"scripts/systemd/fstab", "docs/CONFIGURATION.md"} {
		found := lines.FindAllStringSubmatch(document(t, name), -1)
		if len(found) == 0 {
			t.Errorf("%s has no line", name)
		}
		for _, match := range found {
			s, err := parseOptions(t, match[2])
			if err == nil {
				err = s.setTarget(match[1])
			}
			if err != nil {
				t.Errorf("%s: %s: %v", name, match[0], err)
			}
		}
	}
}
