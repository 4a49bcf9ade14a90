package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/s3mpfs/s3mpfs/fs"
	"github.com/s3mpfs/s3mpfs/internal/control"
	"github.com/s3mpfs/s3mpfs/internal/panics"
	"github.com/s3mpfs/s3mpfs/writer"
)

// tree is what a session needs of the file system; see fs.Tree.
type tree interface {
	Finalise(ctx context.Context) []fs.Failure
	Told() int
	Failed() int
	Failures() []fs.Failure
	Renames() []fs.Rename
	Pending() int
}

// contents is what a session needs of the engine; see writer.Engine.
type contents interface {
	Files() []writer.Status
	Concurrency() int
}

// session is one mount from ready to end. It ends in one of three ways, which
// all complete every file: a signal, `s3mpfs umount` through the control
// socket, and a plain umount, after which the kernel lets go.
type session struct {
	settings *settings
	tree     tree
	wait     func() // returns when the kernel has let go of the mount
	contents contents
	memory   func() (used, limit int64) // bytes
	requests func() control.S3
	history  *history
	manager  serviceManager
	log      *slog.Logger
	since    time.Time
	// unlist takes the control socket's name away once the mount is gone.
	unlist func() error
	// release gives back what the mount used, and waits until the uploads of
	// failed files are aborted.
	release func() error

	abandoned bool // by a second signal; nobody waits for the outcome any more

	begin   sync.Once
	ending  atomic.Bool
	ended   chan struct{}   // closed once outcome is set
	outcome control.Outcome // written before ended is closed
}

var _ control.Mount = (*session)(nil)

// End completes every file and unmounts; see control.Mount.
func (s *session) End() <-chan struct{} {
	s.begin.Do(func() {
		s.ending.Store(true)
		s.tell("STOPPING=1\nSTATUS=completing every file")
		go s.finish()
	})
	return s.ended
}

// Ended implements control.Mount.
func (s *session) Ended() <-chan struct{} { return s.ended }

// tell tells the service manager, if there is one.
func (s *session) tell(state string) {
	if err := s.manager.tell(state); err != nil {
		s.log.Warn("the service manager cannot be told", "state", state, "error", err)
	}
}

// While files are completed the service manager hears every tellEvery what is
// left, and waits for the next word for patient at least, beyond TimeoutStopSec:
// a slow line takes its time, and a store that is away ends by --retry-timeout.
const (
	tellEvery = 10 * time.Second
	patient   = time.Minute
)

// keepToldOfTheRest does so beside the caller until stop is called.
func (s *session) keepToldOfTheRest() (stop func()) {
	ended := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() { s.tellOfTheRest(tellEvery, ended) })
	return func() {
		close(ended)
		telling.Wait()
	}
}

// left is what is left to be done, nothing where the program cannot tell.
func (s *session) left() (left control.Progress) {
	var fault error // in the log already
	defer panics.Catch(s.log, &fault)
	return s.Status().Left()
}

func (s *session) tellOfTheRest(every time.Duration, ended <-chan struct{}) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
			s.tell(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d\nSTATUS=%s", patient.Microseconds(), whatIsLeft(s.left())))
		}
	}
}

func (s *session) finish() {
	defer close(s.ended)
	stop := s.keepToldOfTheRest()
	s.outcome.Failed = s.finalise()
	stop()
	var fault error // in the log already
	defer panics.Catch(s.log, &fault)
	s.outcome.Told = s.tree.Told()
	busy, err := unmount(s.settings.mountpoint)
	if s.outcome.Busy = busy; err != nil {
		s.outcome.UnmountError = err.Error()
		s.log.Error("the mount point is still mounted", "mountpoint", s.settings.mountpoint, "error", err)
	}
	if err := s.unlist(); err != nil {
		s.log.Warn("the control socket stays behind", "error", err)
	}
}

// finalise completes every file and gives those that are not durable, by path.
// Where the program finds itself wrong nobody can tell which those are.
func (s *session) finalise() (failed []control.Failure) {
	var fault error
	defer func() {
		if fault != nil {
			failed = append(failed, control.Failure{Path: "/", Error: fault.Error()})
		}
	}()
	defer panics.Catch(s.log, &fault)
	return failures(s.tree.Finalise(context.Background()))
}

// failures turns the tree's account into the control socket's, by path.
func failures(of []fs.Failure) (failed []control.Failure) {
	for _, f := range of {
		failed = append(failed, control.Failure{Path: f.Path, Error: f.Err.Error()})
	}
	slices.SortFunc(failed, func(a, b control.Failure) int { return strings.Compare(a.Path, b.Path) })
	return failed
}

// Outcome is how the mount ended.
func (s *session) Outcome() control.Outcome { return s.outcome }

// Status describes the mount.
func (s *session) Status() control.Status {
	used, limit := s.memory()
	return control.Status{
		Bucket: s.settings.bucket, Prefix: s.settings.prefix, Mountpoint: s.settings.mountpoint,
		PID: os.Getpid(), Version: version(), Since: s.since,
		MemoryUsed: used, MemoryLimit: limit, Concurrency: s.contents.Concurrency(),
		Ending: s.ending.Load(), FilesFailed: s.tree.Failed(), Failures: failures(s.tree.Failures()),
		S3: s.requests(), Files: s.files(), Renames: s.renames(), AttributesPending: s.tree.Pending(),
	}
}

func (s *session) renames() (all []control.Rename) {
	for _, r := range s.tree.Renames() {
		all = append(all, control.Rename{
			From: r.From, To: r.To, Since: r.Since, Objects: r.Objects, Copied: r.Copied, Deleted: r.Deleted,
			Bytes: r.Bytes, BytesCopied: r.BytesCopied,
		})
	}
	return all
}

func (s *session) files() []control.File {
	files := []control.File{}
	for _, w := range s.contents.Files() {
		files = append(files, describe(w, s.history.of(w.Key), s.settings.prefix))
	}
	return files
}

// describe turns the engine's view of a file and its past into the control socket's.
func describe(w writer.Status, p past, prefix string) control.File {
	f := control.File{
		Path: strings.TrimPrefix(w.Key, prefix), Size: w.Size, BytesSent: w.BytesSent, BytesLeft: w.BytesLeft,
		State: w.State, UploadID: w.UploadID, MemoryUsed: w.MemoryUsed,
		PartsSent: w.PartsSent, PartsInFlight: w.PartsInFlight, PartsRetained: w.PartsRetained,
		Dirty: w.State == "dirty" || w.State == "publishing",
		Since: p.since, Rate: int64(p.rate), Retries: p.retries, LastFault: p.fault,
	}
	if w.Err != nil {
		f.Error = w.Err.Error()
	}
	return f
}

// run stays until the mount has ended and gives the error that decides the exit
// code.
func (s *session) run(signals <-chan os.Signal) error {
	var following sync.WaitGroup
	stop := make(chan struct{})
	deadlines := newDeadlines(s.log)
	following.Go(func() { s.follow(deadlines.watch(s.contents.Files), stop) })
	defer following.Wait()
	defer close(stop)
	released := make(chan struct{})
	go func() { s.wait(); close(released) }()
	concluded := make(chan error, 1)
	go func() { <-s.ended; concluded <- s.concludeSoundly() }()
	for signalled := false; ; {
		select {
		case sig := <-signals:
			if signalled {
				return s.abandon(sig)
			}
			signalled = true
			s.log.Info("completing every file; a second signal abandons them",
				"signal", sig.String(), "files", s.left().FilesLeft)
			s.End()
		case <-released:
			released = nil
			s.End()
		case err := <-concluded:
			return err
		}
	}
}

// follow keeps the history, without which the mount goes on.
func (s *session) follow(files func() []writer.Status, stop <-chan struct{}) {
	var fault error // in the log already
	defer panics.Catch(s.log, &fault)
	s.history.follow(files, stop)
}

// concludeSoundly is conclude; the process ends also where that finds itself
// wrong.
func (s *session) concludeSoundly() (err error) {
	defer func() { err = withCode(exitNotDurable, err) }()
	defer panics.Catch(s.log, &err)
	return s.conclude()
}

// conclude gives everything back and logs how the mount ended; the last lines
// name what failed. What a program wrote while the mount was being detached is
// completed first.
func (s *session) conclude() error {
	failed := slices.Concat(s.outcome.Failed, s.finalise())
	if err := s.release(); err != nil {
		s.log.Warn("not everything was given back", "error", err)
	}
	for _, f := range failed {
		s.log.Error("not durable", "path", f.Path, "error", f.Error)
	}
	if n := len(failed); n > 0 {
		return withCode(exitNotDurable, fmt.Errorf("%s not durable, see the log", english.Plural(n, "file is", "files are")))
	}
	s.log.Info("ended, everything is durable", "mountpoint", s.settings.mountpoint, "busy", s.outcome.Busy)
	return nil
}

// abandon ends without waiting for S3 and logs what is lost by that.
func (s *session) abandon(sig os.Signal) error {
	s.abandoned = true
	lost := 0
	for _, f := range s.files() {
		if f.Dirty {
			lost++
			s.log.Error("abandoned: what was written since the last publish is lost", "path", "/"+f.Path, "size", f.Size,
				"upload_id", f.UploadID, "to_complete", s.toComplete(f))
		}
	}
	if _, err := unmount(s.settings.mountpoint); err != nil {
		s.log.Error("the mount point is still mounted", "error", err)
	}
	if err := s.unlist(); err != nil {
		s.log.Warn("the control socket stays behind", "error", err)
	}
	return withCode(exitNotDurable, fmt.Errorf("%s again: abandoned %s", sig, english.Plural(lost, "file", "files")))
}

// toComplete is the command that makes an object of what was sent of a file,
// empty if that is nothing.
func (s *session) toComplete(f control.File) string {
	if f.UploadID == "" {
		return ""
	}
	return s.settings.uploadsCommand("complete", writer.Upload{Key: s.settings.prefix + f.Path, ID: f.UploadID})
}
