package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"log/syslog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLogFileIsPrivateAndAppended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	s := &settings{logFile: path, logFormat: "json", logLevel: "warn"}
	for range 2 {
		target, err := openLog(s, "")
		if err != nil {
			t.Fatal(err)
		}
		slog.New(target.handler).Info("quiet")
		slog.New(target.handler).Warn("loud")
		target.file.Close()
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Count(string(text), `"msg":"loud"`) != 2 || strings.Contains(string(text), "quiet") {
		t.Errorf("the log is %q, %v", text, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestLogFileThatCannotBeOpened(t *testing.T) {
	_, err := openLog(&settings{logFile: "/no/such/folder/log", logLevel: "info"}, "")
	if exitCode(err) != exitUsage || !strings.Contains(err.Error(), "/no/such/folder/log") {
		t.Errorf("got %v with code %d", err, exitCode(err))
	}
}

func TestSyslogGetsSeverityWithoutTimeAndLevel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	daemon, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer daemon.Close()
	w, err := syslog.Dial("unixgram", path, syslog.LOG_DAEMON, "s3mpfs")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	log := slog.New(newSyslogHandler(w, &settings{logFormat: "text", logLevel: "info"})).With("bucket", "films")
	log.Debug("quiet")
	log.Error("not durable", "path", "a")
	packet := make([]byte, 1024)
	n, err := daemon.Read(packet)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.TrimSpace(string(packet[:n]))
	// 3*8+3: facility daemon, severity error (RFC 3164).
	if !strings.HasPrefix(got, "<27>") || !strings.HasSuffix(got, `: msg="not durable" bucket=films path=a`) || strings.Contains(got, "level=") {
		t.Errorf("syslog got %q", got)
	}
}

func TestRuntimeLogIsRemovedIfEmpty(t *testing.T) {
	for _, text := range []string{"", "panic"} {
		dir := t.TempDir()
		target, err := openLog(&settings{mountpoint: "/mnt", logFormat: "text", logLevel: "info"}, dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := target.file.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := target.close(); err != nil {
			t.Error(err)
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != len(text)/len("panic") {
			t.Errorf("with %q in the log: %v, %v", text, left, err)
		}
		target.file.Close()
	}
}

// TestJournal: lines have the severity that 'journalctl -p' goes by, and no time
// of their own.
func TestJournal(t *testing.T) {
	var out bytes.Buffer
	s := defaultSettings()
	log := slog.New(newJournalHandler(&out, s)).With("a", 1)
	log.Debug("quiet")
	log.Info("mounted")
	log.Warn("upload parked")
	log.Error("close failed")
	if want := "<6>msg=mounted a=1\n<4>msg=\"upload parked\" a=1\n<3>msg=\"close failed\" a=1\n"; out.String() != want {
		t.Errorf("%q, want %q", &out, want)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "stream"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	if isJournal(f) {
		t.Error("a file is taken for the journal")
	}
	t.Setenv(journalVariable, fmt.Sprintf("%d:%d", st.Dev, st.Ino))
	if !isJournal(f) || isJournal(os.Stdin) {
		t.Error("the journal is not known")
	}
}
