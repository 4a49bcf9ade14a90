// Package panics keeps a mount alive where the program finds itself wrong: a
// panic in a goroutine that works for one file becomes that file's error, and
// the others go on. Handlers of FUSE requests have the like from package fs.
package panics

import (
	"fmt"
	"log/slog"
	"runtime/debug"
)

// Error is a panic that was caught.
type Error struct{ Problem any }

func (e *Error) Error() string { return fmt.Sprintf("the program is at fault: %v", e.Problem) }

// Catch is to be deferred. It makes err of a panic and logs the stack.
func Catch(log *slog.Logger, err *error) {
	if problem := recover(); problem != nil {
		*err = Caught(log, problem)
	}
}

// Caught is for a deferred function that has recovered from problem and has
// more to do than Catch. It logs the stack and gives the error.
func Caught(log *slog.Logger, problem any) error {
	log.Error("panic", "problem", problem, "stack", string(debug.Stack()))
	return &Error{problem}
}
