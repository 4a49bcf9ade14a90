package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/s3mpfs/s3mpfs/internal/size"
)

// report is everything that was found.
type report struct {
	Machine machine
	Size    int64 // bytes of the large file
	Runs    int
	Results []result
	Memory  []resident
}

// quiet is the most load of a machine that is idle.
const quiet = 0.7

// write makes bench.json and bench.md in a folder, and puts the tables into the
// page that is wanted.
func (r *report) write(o options) error {
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	var table strings.Builder
	r.markdown(io.MultiWriter(&table, os.Stdout))
	return errors.Join(
		os.WriteFile(filepath.Join(o.out, "bench.json"), append(text, '\n'), 0o644),
		os.WriteFile(filepath.Join(o.out, "bench.md"), []byte(table.String()), 0o644),
		putInto(o.docs, table.String()))
}

// The marks of a page between which the results stand.
const beginMark, endMark = "<!-- results -->\n", "<!-- end of results -->\n"

// putInto replaces what stands between the marks of a page.
func putInto(page, text string) error {
	if page == "" {
		return nil
	}
	old, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(old), beginMark)
	_, after, ends := strings.Cut(rest, endMark)
	if !begins || !ends {
		return fmt.Errorf("%s has not the marks %q and %q", page, beginMark, endMark)
	}
	return os.WriteFile(page, []byte(before+beginMark+"\n"+text+"\n"+endMark+after), 0o644)
}

func (r *report) markdown(w io.Writer) {
	fmt.Fprintf(w, "%v.\nLarge files are %v; medians of %d runs, interleaved, and of their ratios.\n", r.Machine, size.Size(r.Size), r.Runs)
	if r.Machine.Load > quiet {
		fmt.Fprintf(w, "The machine was not idle: its load was %.1f before the run.\n", r.Machine.Load)
	}
	for _, e := range environments {
		var here []result
		for _, res := range r.Results {
			if res.Environment == e.name {
				here = append(here, res)
			}
		}
		if len(here) > 0 {
			fmt.Fprintf(w, "\n### Over %s\n", e.title)
			tableOf(w, "bytes", here, func(s scenario) bool { return s.bytes > 0 }, largeRow)
			tableOf(w, "files", here, func(s scenario) bool { return s.bytes == 0 && s.files > 0 }, smallRow)
			tableOf(w, "reads", here, func(s scenario) bool { return s.reads > 0 }, randomRow)
		}
	}
	r.memory(w)
	r.goals(w)
}

func (r *report) memory(w io.Writer) {
	if len(r.Memory) == 0 {
		return
	}
	fmt.Fprintf(w, "\n### Memory\n\n| | MiB after 5 GiB | MiB after 90 GiB | peak MiB |\n|-|-:|-:|-:|\n")
	for _, m := range r.Memory {
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", m.Title, mib(m.Early), mib(m.Late), mib(m.Peak))
	}
}

var heads = map[string]string{
	"bytes": "| | | MB/s | of the floor's | CPU s/GiB | of the floor's | program's CPU s/GiB | peak MiB | requests a file |",
	"files": "| | | s | files/s | of the floor's | CPU ms/file | of the floor's | peak MiB | requests |",
	"reads": "| | | ms/read | CPU ms/read | requests/read | KiB fetched/read |",
}

// tableOf writes the results of one kind. The first column names a scenario
// once.
func tableOf(w io.Writer, kind string, all []result, belongs func(scenario) bool, row func(res, floor *result) []string) {
	all = slices.DeleteFunc(slices.Clone(all), func(res result) bool { return !belongs(res.scenario) })
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n|-|-|%s\n", heads[kind], strings.Repeat("-:|", strings.Count(heads[kind], "|")-3))
	for i := range all {
		title := all[i].scenario.title
		if i > 0 && all[i-1].Scenario == all[i].Scenario {
			title = ""
		}
		cells := append([]string{title, all[i].Target}, row(&all[i], floorOf(all, all[i].Scenario))...)
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
	}
}

// floorOf is the fastest floor of a scenario: without a mount where that exists.
func floorOf(all []result, scenario string) (best *result) {
	for i := range all {
		res := &all[i]
		if res.Scenario != scenario || !res.target.floor || res.scenario.plain != nil && res.target.command != nil {
			continue
		}
		if best == nil || res.seconds() < best.seconds() {
			best = res
		}
	}
	return best
}

func largeRow(res, floor *result) []string {
	gib := float64(res.scenario.bytes) / (1 << 30)
	return []string{
		fmt.Sprintf("%.0f", float64(res.scenario.bytes)/1e6/res.seconds()), times(floor.over(res, seconds)),
		fmt.Sprintf("%.2f", res.client()/gib), times(res.over(floor, client)),
		fmt.Sprintf("%.2f", res.program()/gib), mib(res.PeakBytes),
		fmt.Sprintf("%.1f", res.requests()/float64(max(1, res.scenario.files))),
	}
}

func smallRow(res, floor *result) []string {
	files := float64(res.scenario.files)
	return []string{
		fmt.Sprintf("%.2f", res.seconds()), fmt.Sprintf("%.0f", files/res.seconds()), times(floor.over(res, seconds)),
		fmt.Sprintf("%.2f", res.client()/files*1000), times(res.over(floor, client)),
		mib(res.PeakBytes), fmt.Sprintf("%.0f", res.requests()),
	}
}

func randomRow(res, _ *result) []string {
	n := float64(res.scenario.reads)
	return []string{
		fmt.Sprintf("%.2f", res.seconds()/n*1000), fmt.Sprintf("%.2f", res.client()/n*1000),
		fmt.Sprintf("%.2f", res.requests()/n), fmt.Sprintf("%.1f", res.fetched()/n/1024),
	}
}

func times(ratio float64) string {
	if ratio == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", ratio)
}

func mib(n int64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%d", n>>20)
}

// median of what f finds in each sample.
func (res *result) median(f func(sample) float64) float64 {
	var all []float64
	for _, s := range res.Samples {
		all = append(all, f(s))
	}
	return median(all)
}

func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2
}

// over is the median of how many times what f finds is that of the other, round
// by round: what disturbs the machine for a while disturbs both.
func (res *result) over(other *result, f func(sample) float64) float64 {
	var all []float64
	for i := range min(len(res.Samples), len(other.Samples)) {
		if n := f(other.Samples[i]); n > 0 {
			all = append(all, f(res.Samples[i])/n)
		}
	}
	return median(all)
}

func seconds(s sample) float64 { return s.Seconds }
func client(s sample) float64  { return s.Client }

func (res *result) seconds() float64 { return res.median(seconds) }
func (res *result) client() float64  { return res.median(client) }
func (res *result) program() float64 { return res.median(func(s sample) float64 { return s.Program }) }

func (res *result) requests() float64 {
	return res.median(func(s sample) (n float64) {
		for _, c := range s.Requests {
			n += float64(c.Requests)
		}
		return n
	})
}

func (res *result) fetched() float64 {
	return res.median(func(s sample) float64 { return float64(s.Requests["GetObject"].Out) })
}
