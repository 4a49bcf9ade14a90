package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"
)

// ECMA-48: go to the first line, erase the rest of the line, erase what follows,
// go to the line's start and erase it.
const home, eraseRest, eraseBelow, eraseLine = "\x1b[H", "\x1b[K", "\x1b[J", "\r\x1b[K"

// terminalSize is of the terminal that out is; false where it is none.
func terminalSize(out io.Writer) (rows, columns int, is bool) {
	f, ok := out.(*os.File)
	if !ok {
		return 0, 0, false
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0, false
	}
	return int(size.Row), int(size.Col), true
}

// fitted cuts a page to what a terminal shows at once, so that nothing scrolls:
// the last line is left to the cursor, and the one above says what was left out.
// A terminal that does not know its size takes all.
func fitted(page string, rows, columns int) string {
	lines := strings.Split(strings.TrimSuffix(page, "\n"), "\n")
	if room := rows - 1; rows > 2 && len(lines) > room {
		more := len(lines) - room + 1
		lines = append(lines[:room-1], fmt.Sprintf("  ... and %s more lines", humanize.Comma(int64(more))))
	}
	for i, line := range lines {
		if text := []rune(line); columns > 1 && len(text) >= columns {
			lines[i] = string(text[:columns-1]) // one in the last column would be erased with the rest
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// redrawn is a page as a terminal shows it in the place of the one before; it
// is overwritten, not erased first, so that nothing flickers.
func redrawn(page string) string {
	return home + strings.ReplaceAll(page, "\n", eraseRest+"\n") + eraseBelow
}

// printable quotes a text of the store's that would disturb a terminal.
func printable(text string) string {
	for _, r := range text {
		if !unicode.IsPrint(r) {
			return fmt.Sprintf("%q", text)
		}
	}
	return text
}

// harmless is a message of some lines in which what would steer a terminal is
// shown instead: names and errors may be another's.
func harmless(message string) string {
	var b strings.Builder
	for _, r := range message {
		if r == '\n' || unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		b.WriteString(strings.Trim(fmt.Sprintf("%+q", string(r)), `"`))
	}
	return b.String()
}
