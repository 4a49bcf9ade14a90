package main

import (
	"fmt"
	"io"
	"strings"
)

// goal is something that is promised of a scenario.
type goal struct {
	environment, scenario string
	promise               string
	beside                string // the target that takes the floor's place where it is there
	// reached gives what was found and whether it is enough; floor may be nil.
	reached func(res, floor *result) (found float64, ok bool)
}

// goals are those of this benchmark: the distance to the floor that everything
// that the mount does beyond it may cost.
var goals = []goal{
	{"http", "cp", "at least 0.90 of the floor's throughput", "", throughput(0.90)},
	{"http", "cp", "at most 1.15 of its CPU", "", processorTime(1.15)},
	{"https", "cp", "at least 0.90 of the floor's throughput", "", throughput(0.90)},
	{"https", "cp", "at most 1.15 of its CPU", "", processorTime(1.15)},
	{"slow", "cp", "at least 0.95 of the floor's throughput", "", throughput(0.95)},
	{"http", "read", "at least 0.90 of parallel ranged GETs", "", throughput(0.90)},
	{"http", "direct", "at least 0.90 of parallel ranged GETs", "", throughput(0.90)},
	{"https", "read", "at least 0.90 of parallel ranged GETs", "", throughput(0.90)},
	{"https", "direct", "at least 0.90 of parallel ranged GETs", "", throughput(0.90)},
	{"slow", "read", "at least 0.90 of parallel ranged GETs", "", throughput(0.90)},
	{"slow", "direct", "at least 0.90 of parallel ranged GETs", "", throughput(0.90)},
	{"http", "small", "at most 1.025 requests a file", "", func(res, _ *result) (float64, bool) {
		n := res.requests() / float64(res.scenario.files)
		return n, n <= 1.025
	}},
	{"http", "random", "one request a read", "", func(res, _ *result) (float64, bool) {
		n := res.requests() / float64(res.scenario.reads)
		return n, n < 1.02
	}},
	{"slow", "write-behind", "at most twice s5cmd's time; without it, that of parallel PUTs", "s5cmd", func(res, floor *result) (float64, bool) {
		n := res.over(floor, seconds)
		return n, n > 0 && n <= 2
	}},
}

func throughput(least float64) func(res, floor *result) (float64, bool) {
	return func(res, floor *result) (float64, bool) {
		n := floor.over(res, seconds)
		return n, n >= least
	}
}

func processorTime(most float64) func(res, floor *result) (float64, bool) {
	return func(res, floor *result) (float64, bool) {
		n := res.over(floor, client)
		return n, n > 0 && n <= most
	}
}

// goals tells which of them were reached, as far as they were measured.
func (r *report) goals(w io.Writer) {
	var lines []string
	for _, g := range goals {
		var here []result
		for _, res := range r.Results {
			if res.Environment == g.environment && res.Scenario == g.scenario {
				here = append(here, res)
			}
		}
		if len(here) == 0 || here[0].target.floor || here[0].target.other {
			continue
		}
		floor := floorOf(here, g.scenario)
		for i := range here {
			if here[i].target.name == g.beside {
				floor = &here[i]
			}
		}
		if floor == nil {
			floor = &result{}
		}
		found, ok := g.reached(&here[0], floor)
		lines = append(lines, goalLine(g.environment+": "+here[0].scenario.title, g.promise, fmt.Sprintf("%.2f", found), ok))
	}
	for _, m := range r.Memory {
		lines = append(lines, goalLine(m.Title, m.Promise, m.found(), m.kept()))
	}
	if len(lines) > 0 {
		fmt.Fprintf(w, "\n### Goals\n\n| | goal | found | |\n|-|-|-:|-|\n%s", strings.Join(lines, ""))
	}
}

func goalLine(title, promise, found string, ok bool) string {
	word := "reached"
	if !ok {
		word = "**missed**"
	}
	return fmt.Sprintf("| %s | %s | %s | %s |\n", title, promise, found, word)
}
