package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/s3mpfs/s3mpfs/internal/size"
)

// resident is what the mount held of memory while something large went on.
type resident struct {
	Title string
	Early int64 // bytes resident soon after the beginning; 0 where only the peak counts
	Late  int64 // and near the end
	Peak  int64

	Promise string
	most    int64 // of Peak; 0 where Late is compared with Early
}

// drift is how much more may be resident late than early.
const drift = 1.05

// kept tells whether the promise was.
func (r resident) kept() bool {
	if r.most > 0 {
		return r.Peak <= r.most
	}
	return float64(r.Late) <= drift*float64(r.Early)
}

func (r resident) found() string {
	if r.most > 0 {
		return mib(r.Peak) + " MiB"
	}
	return times(float64(r.Late) / float64(max(1, r.Early)))
}

// measureMemory does what is wanted of the following.
func measureMemory(o options) (all []resident, err error) {
	for _, m := range []struct {
		name   string
		wanted bool
		do     func(options) (resident, error)
	}{{"memory/writers", true, writeMany}, {"memory/huge", o.full, writeHuge}} {
		if !m.wanted || !o.only.MatchString(m.name) {
			continue
		}
		fmt.Fprintln(os.Stderr, m.name)
		got, failed := m.do(o)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", m.name, failed))
			continue
		}
		all = append(all, got)
	}
	return all, err
}

// The huge file, and when the resident size is taken, in bytes.
const (
	hugeSize  = 100 << 30
	hugeEarly = 5 << 30
	hugeLate  = 90 << 30
)

// writeHuge copies a file of hugeSize into a new mount.
func writeHuge(o options) (got resident, err error) {
	got.Title, got.Promise = fmt.Sprintf("one file of %v", size.Size(hugeSize)), "late within 1.05 of early"
	err = onMount(o, ours(), func(l *lab, m *mounted) error {
		c := exec.Command("dd", "bs=1M", "if=/dev/zero", "of="+filepath.Join(m.folder, "huge"), fmt.Sprintf("count=%d", hugeSize>>20))
		if err := c.Start(); err != nil {
			return err
		}
		var errSample error
		for _, s := range []struct {
			at  int64
			out *int64
		}{{hugeEarly, &got.Early}, {hugeLate, &got.Late}} {
			errSample = errors.Join(errSample, l.waitSent(s.at))
			now, err := memoryOf(m.process.Process.Pid, "VmRSS:")
			*s.out, errSample = now, errors.Join(errSample, err)
		}
		var errPeak error
		err := c.Wait()
		got.Peak, errPeak = peak(m.process.Process.Pid)
		return errors.Join(err, errSample, errPeak)
	})
	return got, err
}

// waitSent waits until so many bytes have arrived at the endpoint.
func (l *lab) waitSent(n int64) error {
	last, deadline := int64(-1), time.Now()
	for ; ; time.Sleep(20 * time.Millisecond) {
		stats, err := l.stats()
		if err != nil {
			return err
		}
		in := stats["UploadPart"].In
		switch {
		case in >= n:
			return nil
		case in > last:
			last, deadline = in, time.Now().Add(time.Minute)
		case time.Now().After(deadline):
			return fmt.Errorf("nothing moves after %v", size.Size(in).About())
		}
	}
}

// Many slow writers: so many files are open, each is given a piece in turn.
const (
	writers       = 1000
	writersMemory = "256MiB"
	piece         = 64 << 10
	pieces        = 10
)

// writeMany has them write into a new mount with little memory.
func writeMany(o options) (got resident, err error) {
	got.Title = fmt.Sprintf("%d files open at once, %v each, with --memory %s", writers, size.Size(piece*pieces).About(), writersMemory)
	got.Promise, got.most = "at most 320 MiB", 320<<20
	err = onMount(o, ours("--memory", writersMemory), func(_ *lab, m *mounted) error {
		err := writeInTurn(m.folder)
		var errPeak error
		got.Peak, errPeak = peak(m.process.Process.Pid)
		return errors.Join(err, errPeak)
	})
	return got, err
}

func writeInTurn(folder string) (err error) {
	files, p := make([]*os.File, writers), make([]byte, piece)
	for i := range files {
		if files[i], err = os.Create(filepath.Join(folder, strconv.Itoa(i))); err != nil {
			return err
		}
	}
	for range pieces {
		for _, f := range files {
			if _, err := f.Write(p); err != nil {
				return err
			}
		}
	}
	return closeAll(files)
}

func closeAll[F io.Closer](files []F) error {
	var all errgroup.Group
	all.SetLimit(64)
	for _, f := range files {
		all.Go(f.Close)
	}
	return all.Wait()
}

// onMount does something with a mount of its own over plain http.
func onMount(o options, t target, do func(*lab, *mounted) error) (err error) {
	e, err := startEndpoint(o, nil, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.stop()) }()
	m, err := t.start(o, e)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.end()) }()
	return do(&lab{options: o, endpoint: e}, m)
}
