package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// environment is a way to the store.
type environment struct {
	name   string
	title  string
	secure bool
	flags  []string // of s3discard
	floors []int    // concurrencies of the floor, the best of which counts
	leave  []string // scenarios that make no sense here
	beside bool     // other mounts run here too
}

var environments = []environment{
	{name: "http", title: "plain http on loopback", floors: []int{8}, beside: true},
	{name: "https", title: "https on loopback", secure: true, floors: []int{8}, leave: []string{"random"}},
	{name: "slow", title: "25 ms before each answer, 90 MB/s for each connection",
		flags: []string{"-latency", "25ms", "-bandwidth", "90000000"}, floors: []int{8, 16, 32},
		leave: []string{"dd", "small", "random"}, beside: true},
	{name: "far", title: "150 ms before each answer, 90 MB/s for each connection",
		flags: []string{"-latency", "150ms", "-bandwidth", "90000000"}, floors: []int{16, 64},
		leave: []string{"dd", "cp4", "small", "write-behind", "random"}},
}

// measure runs the scenarios of an environment.
func (e environment) measure(o options, src sources) (all []result, err error) {
	var wanted []scenario
	for _, s := range scenarios(o) {
		if o.only.MatchString(e.name+"/"+s.name) && !slices.Contains(e.leave, s.name) && (!s.again || hasWriteBehind(o)) {
			wanted = append(wanted, s)
		}
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	at, err := startEndpoint(o, e.flags, e.secure)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, at.stop()) }()
	l := &lab{options: o, sources: src, endpoint: at}
	defer func() { err = errors.Join(err, l.close()) }()
	for _, s := range wanted {
		fmt.Fprintf(os.Stderr, "%s/%s\n", e.name, s.name)
		results, failed := l.measure(s, e.targets(o, s))
		if failed != nil { // the others may still tell something
			err = errors.Join(err, fmt.Errorf("%s: %w", s.name, failed), l.close())
		}
		for i := range results {
			results[i].Environment, results[i].environment = e.name, e
		}
		all = append(all, results...)
	}
	return all, err
}

// targets are what runs a scenario here.
func (e environment) targets(o options, s scenario) []target {
	first := ours()
	if s.again {
		first = ours("--write-behind")
	}
	all := []target{first}
	for _, n := range e.floors {
		if s.plain != nil {
			all = append(all, plain(n))
		}
		if !s.again && s.reads == 0 {
			all = append(all, floor(n))
		}
	}
	if s.again && len(e.flags) > 0 {
		all = append(all, plain(s5cmdWorkers))
	}
	if s.plain != nil {
		all = append(all, s5cmd()...)
	}
	if e.beside && s.common && !o.byItself {
		all = append(all, others()...)
	}
	return all
}

// hasWriteBehind tells whether the mount knows --write-behind.
func hasWriteBehind(o options) bool {
	out, err := exec.Command(filepath.Join(o.programs, "s3mpfs"), "mount", "--help").CombinedOutput()
	return err == nil && strings.Contains(string(out), "--write-behind")
}
