package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/s3discard"
)

// lab is an environment with the mounts that have been needed so far.
type lab struct {
	options
	sources
	*endpoint
	mounts []*mounted
}

// close ends all mounts, of which new ones can be made.
func (l *lab) close() (err error) {
	for _, m := range l.mounts {
		if failed := m.end(); failed != nil {
			err = errors.Join(err, failed, m.kill())
		}
	}
	l.mounts = nil
	return err
}

// mount gives the mount of a target.
func (l *lab) mount(t target) (*mounted, error) {
	i := slices.IndexFunc(l.mounts, func(m *mounted) bool { return m.name == t.name })
	if i >= 0 {
		return l.mounts[i], nil
	}
	m, err := t.start(l.options, l.endpoint)
	if err == nil {
		l.mounts = append(l.mounts, m)
	}
	return m, err
}

// sample is one run.
type sample struct {
	Seconds  float64
	Client   float64 // seconds of processor time of the mount
	Program  float64 // and of the programs that used it
	Requests s3discard.Stats
}

// result is what one target did in one scenario.
type result struct {
	Environment string
	Scenario    string
	Target      string
	Samples     []sample
	PeakBytes   int64 // 0 without a mount

	failed      bool
	target      target
	scenario    scenario
	environment environment
}

// measure runs a scenario by all targets in turn, as often as wanted and once
// more before that.
func (l *lab) measure(s scenario, targets []target) ([]result, error) {
	results := make([]*result, len(targets))
	for i, t := range targets {
		results[i] = &result{Scenario: s.name, Target: t.name, target: t, scenario: s}
	}
	for round := range l.runs + 1 {
		for _, res := range results {
			if res.failed {
				continue
			}
			got, err := l.once(s, res, round == 0)
			if err != nil {
				err = fmt.Errorf("%s: %w", res.Target, err)
			}
			if res.failed = err != nil; res.failed && !res.target.other {
				return nil, err
			}
			if res.failed {
				fmt.Fprintln(os.Stderr, err)
				continue
			}
			fmt.Fprintf(os.Stderr, "  %-28s %8.3f s  client %6.3f s\n", res.Target, got.Seconds, got.Client)
			if round > 0 {
				res.Samples = append(res.Samples, got)
			}
		}
	}
	return passed(results), nil
}

func passed(all []*result) (passed []result) {
	for _, res := range all {
		if !res.failed {
			passed = append(passed, *res)
		}
	}
	return passed
}

// once makes one run.
func (l *lab) once(s scenario, res *result, first bool) (got sample, err error) {
	m := &mounted{target: res.target}
	switch {
	case s.again:
		m, err = res.target.start(l.options, l.endpoint)
	case res.target.command != nil:
		m, err = l.mount(res.target)
		if err == nil && first {
			err = forgetPeak(m.process.Process.Pid)
		}
	}
	if err != nil {
		return got, err
	}
	r := &run{l.options, l.sources, l.endpoint, m, "copy-" + next()}
	if s.object > 0 {
		if r.name, err = l.object(s.object); err != nil {
			return got, err
		}
	}
	if err := touch(s.object); err != nil {
		return got, err
	}
	if got, err = r.time(s); err != nil {
		return got, err
	}
	if m.process == nil {
		return got, nil
	}
	if !s.again {
		if res.PeakBytes, err = peak(m.process.Process.Pid); err != nil {
			return got, err
		}
	}
	if s.object > 0 {
		err = dropCache(r.path())
	}
	return got, err
}

// time runs the programs.
func (r *run) time(s scenario) (got sample, err error) {
	before, errBefore := r.usage()
	if err := errors.Join(errBefore, r.forgetStats()); err != nil {
		return got, err
	}
	begun := time.Now()
	var program time.Duration
	if r.process == nil {
		program, err = together([]*exec.Cmd{r.alone(s, r)})
	} else {
		program, err = together(s.mount(r))
	}
	if err == nil && s.again {
		err = r.end()
	}
	got.Seconds = time.Since(begun).Seconds()
	after, errAfter := r.usage()
	got.Client, got.Program = (after - before).Seconds(), program.Seconds()
	if r.process == nil { // the program is the client
		got.Client, got.Program = got.Program, 0
	}
	var errStats error
	got.Requests, errStats = r.stats()
	return got, errors.Join(err, errAfter, errStats)
}
