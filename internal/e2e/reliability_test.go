package e2e

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/faultproxy"
)

var update = flag.Bool("update", false, "write the tables of the documentation anew")

const reliability = "../../docs/RELIABILITY.md"

// TestFaultMatrix runs the matrix and holds docs/RELIABILITY.md to it. Write it
// anew with go test ./internal/e2e -run FaultMatrix -update.
func TestFaultMatrix(t *testing.T) {
	t.Parallel()
	var cases []*matrixCase
	t.Run("cases", func(t *testing.T) {
		for _, always := range []bool{false, true} {
			shared, alone := strips(always)
			cases = append(cases, append(shared, alone...)...)
			t.Run(fmt.Sprint("always ", always), func(t *testing.T) {
				t.Parallel()
				newStrip(t, shared, always, false).run()
			})
			for part := range slices.Chunk(alone, 8) {
				t.Run(fmt.Sprint("refused, always ", always), func(t *testing.T) {
					t.Parallel()
					newStrip(t, part, always, true).run()
				})
			}
		}
	})
	if t.Failed() {
		return
	}
	holdTable(t, matrixTable(cases))
}

// strips are all cases of one kind of duration: those that can share a line,
// and those that strike all of it.
func strips(always bool) (shared, alone []*matrixCase) {
	for k := range fileKinds {
		for _, operation := range fileKinds[k].operations {
			for f := range faultColumns {
				c := &matrixCase{kind: &fileKinds[k], operation: operation, fault: &faultColumns[f], always: always}
				switch {
				case !possible(operation, c.fault):
				case c.fault.rule.Action == faultproxy.Refuse:
					alone = append(alone, c)
				default:
					shared = append(shared, c)
				}
			}
		}
	}
	return shared, alone
}

// matrixTable has a row for each operation of each kind of file.
func matrixTable(cases []*matrixCase) string {
	results := map[string][2]string{}
	for _, c := range cases {
		cell := results[c.cell()]
		if c.always {
			cell[1] = c.shown()
		} else {
			cell[0] = c.shown()
		}
		results[c.cell()] = cell
	}
	var b strings.Builder
	b.WriteString("\n| file | request |")
	for _, f := range faultColumns {
		b.WriteString(" " + f.name + " |")
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(faultColumns)) + "\n")
	for k := range fileKinds {
		for _, operation := range fileKinds[k].operations {
			fmt.Fprintf(&b, "| %s | %s |", fileKinds[k].name, operation)
			for f := range faultColumns {
				c := matrixCase{kind: &fileKinds[k], operation: operation, fault: &faultColumns[f]}
				fmt.Fprintf(&b, " %s |", shownCell(results[c.cell()]))
			}
			b.WriteString("\n")
		}
	}
	return b.String() + "\n"
}

// cell names the place in the table.
func (c *matrixCase) cell() string { return c.kind.name + "\x00" + c.operation + "\x00" + c.fault.name }

// shown is the result with a mark where an upload was left. Whether one can be
// aborted when the line comes back is a matter of luck.
func (c *matrixCase) shown() string {
	if c.left && c.fault.rule.Action != faultproxy.Refuse {
		return c.result + "°"
	}
	return c.result
}

// shownCell is both halves of a cell, once where they are the same.
func shownCell(halves [2]string) string {
	switch once, always := halves[0], halves[1]; {
	case once == always:
		return once
	default:
		return once + " " + always
	}
}

// holdTable compares the table of RELIABILITY.md, or writes it.
func holdTable(t *testing.T, table string) {
	text, err := os.ReadFile(reliability)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- matrix -->\n", "<!-- end of matrix -->\n"
	head, rest, ok := strings.Cut(string(text), begin)
	old, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatal("RELIABILITY.md has no place for the matrix")
	}
	if old == table {
		return
	}
	if !*update {
		t.Errorf("RELIABILITY.md differs from what was found: run go test ./internal/e2e -run FaultMatrix -update\n%s", table)
		return
	}
	if err := os.WriteFile(reliability, []byte(head+begin+table+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}
