package main

import (
	"fmt"
	"io"
	"log/syslog"
	"os"

	"golang.org/x/sys/unix"
)

// journalVariable has the device and inode of the stream by which a service's
// stdout or stderr goes to the journal, see systemd.exec(5).
const journalVariable = "JOURNAL_STREAM"

// isJournal tells whether what is written to f goes to systemd's journal.
func isJournal(f *os.File) bool {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return false
	}
	return os.Getenv(journalVariable) == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// newJournalHandler begins each line with its severity, as sd-daemon(3) has it,
// so that 'journalctl -p err' finds the files that failed. The journal knows the
// time itself.
func newJournalHandler(w io.Writer, s *settings) syslogHandler {
	line := func(severity syslog.Priority) syslogWriter {
		return func(text string) error {
			_, err := fmt.Fprintf(w, "<%d>%s", severity, text)
			return err
		}
	}
	return bySeverity(s, line(syslog.LOG_DEBUG), line(syslog.LOG_INFO), line(syslog.LOG_WARNING), line(syslog.LOG_ERR))
}
