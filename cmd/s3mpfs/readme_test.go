package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write README's tables of options and exit codes anew")

const readme = "../../README.md"

// TestReadmeTables holds README's tables of options and exit codes to the real
// ones. Write them anew with go test ./cmd/s3mpfs -run Readme -update.
func TestReadmeTables(t *testing.T) {
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	want := replaceTable(t, string(text), "options", optionTables())
	want = replaceTable(t, want, "exit codes", exitTable())
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatal("README differs from the program: run go test ./cmd/s3mpfs -run Readme -update")
	}
	if err := os.WriteFile(readme, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// replaceTable puts table between the comments that name it.
func replaceTable(t *testing.T, text, name, table string) string {
	between := regexp.MustCompile(`(?s)(<!-- ` + name + ` -->\n).*(<!-- end of ` + name + ` -->\n)`)
	if !between.MatchString(text) {
		t.Fatalf("README has no place for %s", name)
	}
	return between.ReplaceAllString(text, "${1}"+strings.ReplaceAll(table, "$", "$$")+"${2}")
}

func optionTables() string {
	var b strings.Builder
	for _, group := range defaultSettings().flagGroups() {
		fmt.Fprintf(&b, "\n| %s | default | |\n|---|---|---|\n", group.title)
		group.VisitAll(func(f *pflag.Flag) { b.WriteString(optionRow(f)) })
	}
	return b.String() + "\n"
}

func optionRow(f *pflag.Flag) string {
	value, usage := pflag.UnquoteUsage(f)
	name := "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	if value != "" {
		name += " " + value
	}
	def := f.DefValue
	if def == "false" || def == "[]" {
		def = "" // a switch
	}
	cell := func(text string) string { return strings.ReplaceAll(text, "|", "\\|") }
	return fmt.Sprintf("| `%s` | %s | %s |\n", cell(name), def, cell(usage))
}

func exitTable() string {
	var b strings.Builder
	b.WriteString("\n| code | |\n|---|---|\n")
	for code, meaning := range exitMeanings {
		fmt.Fprintf(&b, "| %d | %s |\n", code, meaning)
	}
	return b.String() + "\n"
}
