package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
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
var foreignFlags = wordSet("ignore-inode files-cache full docs metadata mount-flags only runs alone size device cap-add keep quick long bucket lifecycle-configuration")

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
			if err := understood(strings.Split(match[1], "  ")[0]); err != nil {
				t.Errorf("%s: s3mpfs %s: %v", name, match[1], err)
			}
		}
	}
}

// understood reads a command line without its first word as the program would,
// and does nothing.
func understood(line string) error {
	c, rest, err := newRootCommand().Find(strings.Fields(line))
	if err == nil {
		err = c.ParseFlags(rest)
	}
	if err == nil {
		err = c.ValidateArgs(c.Flags().Args())
	}
	return err
}

// TestHelpShowsCommandsThatExist reads the examples of each command's --help.
func TestHelpShowsCommandsThatExist(t *testing.T) {
	n := 0
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		for line := range strings.Lines(c.Example) {
			line, ok := strings.CutPrefix(strings.TrimSpace(line), "s3mpfs ")
			if err := understood(line); err != nil || !ok {
				t.Errorf("%s: %s: %v", c.Name(), line, err)
			}
			n++
		}
		for _, below := range c.Commands() {
			visit(below)
		}
	}
	if visit(newRootCommand()); n < 10 {
		t.Errorf("only %d examples", n)
	}
}

// TestUnitsAndImageCallTheProgramAsItIs reads the command lines of the systemd
// units, with what the template's comment says of its file, and of the container.
func TestUnitsAndImageCallTheProgramAsItIs(t *testing.T) {
	template := document(t, "scripts/systemd/s3mpfs@.service")
	fill := []string{"%f", "/mnt/raw"}
	for _, match := range regexp.MustCompile(`(?m)^#   (S3MPFS_\w+)=(.*)$`).FindAllStringSubmatch(template, -1) {
		fill = append(fill, "${"+match[1]+"}", match[2], "$"+match[1], match[2])
	}
	called := regexp.MustCompile(`(?m)^ExecStart=/usr/bin/s3mpfs (.*)$`)
	for _, unit := range []string{template, document(t, "scripts/systemd/s3mpfs.service")} {
		line := called.FindStringSubmatch(unit)
		if line == nil {
			t.Fatalf("no ExecStart in\n%s", unit)
		}
		filled := strings.NewReplacer(fill...).Replace(line[1])
		if err := understood(filled); err != nil || strings.ContainsAny(filled, "$%") {
			t.Errorf("%s: %v", filled, err)
		}
	}
	image := document(t, "scripts/Dockerfile")
	entry := regexp.MustCompile(`(?m)^ENTRYPOINT \["/usr/bin/s3mpfs", (.*)\]$`).FindStringSubmatch(image)
	arguments := regexp.MustCompile(`(?m)^#     s3mpfs (.*)$`).FindStringSubmatch(image)
	if entry == nil || arguments == nil {
		t.Fatal("the Dockerfile has no entry point, or no example")
	}
	line := strings.NewReplacer(`"`, "", ",", "").Replace(entry[1]) + " " + arguments[1]
	if err := understood(line); err != nil {
		t.Errorf("%s: %v", line, err)
	}
}

// TestDocumentsNameFilesThatExist looks at each link and each path of the
// repository, and at the headings that links lead to.
func TestDocumentsNameFilesThatExist(t *testing.T) {
	linked := regexp.MustCompile(`\]\(([^)#]*)(#[^)]*)?\)`)
	named := regexp.MustCompile("(?m)(?:`|^    )((?:scripts|docs|internal|cmd|fs|writer)/[a-z0-9_@./-]+)")
	for _, name := range documents {
		text := document(t, name)
		for _, match := range linked.FindAllStringSubmatch(text, -1) {
			path := name
			if match[1] != "" {
				path = filepath.Join(filepath.Dir(name), match[1])
			}
			if strings.Contains(match[1], "://") {
				continue
			}
			wantPath(t, name, path)
			if heading, ok := strings.CutPrefix(match[2], "#"); ok && !hasHeading(document(t, path), heading) {
				t.Errorf("%s: %s has no heading %s", name, path, heading)
			}
		}
		for _, match := range named.FindAllStringSubmatch(text, -1) {
			wantPath(t, name, strings.TrimRight(match[1], "./"))
		}
	}
}

func wantPath(t *testing.T, document, path string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join("../..", path)); err != nil {
		t.Errorf("%s: %v", document, err)
	}
}

// hasHeading tells whether a heading has the anchor that GitHub gives it.
func hasHeading(text, anchor string) bool {
	for line := range strings.Lines(text) {
		heading := strings.ToLower(strings.TrimLeft(strings.TrimSpace(line), "# "))
		plain := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', r >= 'a' && r <= 'z', r >= '0' && r <= '9':
				return r
			}
			return -1
		}, heading)
		if strings.HasPrefix(line, "#") && plain == anchor {
			return true
		}
	}
	return false
}

// TestLifecycleExample: the configuration is one that S3 takes, as far as the SDK
// knows, and aborts uploads.
func TestLifecycleExample(t *testing.T) {
	match := regexp.MustCompile(`(?m)^      '(\{"Rules":.*\})'$`).FindStringSubmatch(document(t, "docs/TROUBLESHOOTING.md"))
	if match == nil {
		t.Fatal("there is none")
	}
	var configuration types.BucketLifecycleConfiguration
	decoder := json.NewDecoder(strings.NewReader(match[1]))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&configuration); err != nil || len(configuration.Rules) != 1 {
		t.Fatalf("%v: %+v", err, configuration)
	}
	rule := configuration.Rules[0]
	if rule.Status != types.ExpirationStatusEnabled || rule.Filter == nil || *rule.AbortIncompleteMultipartUpload.DaysAfterInitiation != 7 {
		t.Errorf("%+v", rule)
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
	for _, pattern := range []string{"*.go", "../../fs/*.go", "../../writer/*.go", "../../writer/s3store/*.go", "../../internal/control/*.go"} {
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
