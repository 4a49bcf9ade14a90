package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"log/syslog"
	"os"
	"path/filepath"

	"github.com/s3mpfs/s3mpfs/internal/control"
)

// logTarget is where a mount's log goes.
type logTarget struct {
	handler slog.Handler
	// file takes the log, or only crashes where the log goes to syslog.
	file *os.File
	// runtime: the file is in the runtime folder, and nobody asked for it.
	runtime bool
}

// openLog opens the log of a mount: --log-file; else stderr in the foreground,
// which may be the journal's; else syslog; and where there is no syslog, MOUNT.log in the runtime folder,
// which is also where a crash of a process in the background is found.
func openLog(s *settings, runtimeDir string) (logTarget, error) {
	if s.logFile != "" {
		target, err := s.fileLog(s.logFile)
		if err != nil {
			err = withCode(exitUsage, fmt.Errorf("--log-file: %w: name a file in a folder that exists and that you may write to", err))
		}
		return target, err
	}
	if s.foreground {
		target := logTarget{handler: s.logHandler(os.Stderr), file: os.Stderr}
		if isJournal(os.Stderr) {
			target.handler = newJournalHandler(os.Stderr, s)
		}
		return target, nil
	}
	target, err := s.fileLog(filepath.Join(runtimeDir, control.Name(s.mountpoint)+".log"))
	if err != nil {
		return target, err
	}
	target.runtime = true
	if daemon, err := syslog.New(syslog.LOG_DAEMON|syslog.LOG_INFO, "s3mpfs"); err == nil {
		target.handler = newSyslogHandler(daemon, s)
	}
	return target, nil
}

// close removes the file in the runtime folder if nothing is in it.
func (l logTarget) close() error {
	if !l.runtime {
		return nil
	}
	info, err := l.file.Stat()
	if err == nil && info.Size() == 0 {
		err = os.Remove(l.file.Name())
	}
	return err
}

func (s *settings) fileLog(path string) (logTarget, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return logTarget{}, err
	}
	return logTarget{handler: s.logHandler(f), file: f}, nil
}

func (s *settings) logHandler(w io.Writer) slog.Handler {
	return newHandler(w, s.logFormat, &slog.HandlerOptions{Level: s.level()})
}

// level is --log-level as slog counts it.
func (s *settings) level() (level slog.Level) {
	if err := level.UnmarshalText([]byte(s.logLevel)); err != nil {
		panic(err) // the flag takes slog's names only
	}
	return level
}

func newHandler(w io.Writer, format string, o *slog.HandlerOptions) slog.Handler {
	if format == "json" {
		return slog.NewJSONHandler(w, o)
	}
	return slog.NewTextHandler(w, o)
}

// syslogHandler sends each record with the severity of its level. It holds one
// handler a severity, all alike but for where they write.
type syslogHandler struct{ bySeverity [4]slog.Handler }

var _ slog.Handler = syslogHandler{}

// syslogWriter is one of syslog.Writer's methods.
type syslogWriter func(string) error

func (w syslogWriter) Write(p []byte) (int, error) { return len(p), w(string(p)) }

func newSyslogHandler(w *syslog.Writer, s *settings) syslogHandler {
	return bySeverity(s, w.Debug, w.Info, w.Warning, w.Err)
}

func bySeverity(s *settings, debug, info, warning, err syslogWriter) syslogHandler {
	options := &slog.HandlerOptions{Level: s.level(), ReplaceAttr: withoutTimeAndLevel}
	var h syslogHandler
	for i, write := range []syslogWriter{debug, info, warning, err} {
		h.bySeverity[i] = newHandler(write, s.logFormat, options)
	}
	return h
}

// withoutTimeAndLevel leaves out what syslog writes itself.
func withoutTimeAndLevel(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
		return slog.Attr{}
	}
	return a
}

func (h syslogHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.bySeverity[0].Enabled(ctx, level)
}

func (h syslogHandler) Handle(ctx context.Context, r slog.Record) error {
	return h.bySeverity[severity(r.Level)].Handle(ctx, r)
}

// severity is the index of a level's handler.
func severity(level slog.Level) int {
	switch {
	case level < slog.LevelInfo:
		return 0
	case level < slog.LevelWarn:
		return 1
	case level < slog.LevelError:
		return 2
	}
	return 3
}

func (h syslogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.each(func(one slog.Handler) slog.Handler { return one.WithAttrs(attrs) })
}

func (h syslogHandler) WithGroup(name string) slog.Handler {
	return h.each(func(one slog.Handler) slog.Handler { return one.WithGroup(name) })
}

func (h syslogHandler) each(derive func(slog.Handler) slog.Handler) slog.Handler {
	for i, one := range h.bySeverity {
		h.bySeverity[i] = derive(one)
	}
	return h
}
