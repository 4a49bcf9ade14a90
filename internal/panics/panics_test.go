package panics

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestCatch(t *testing.T) {
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	fails := func(act func() error) (err error) {
		defer Catch(log, &err)
		return act()
	}
	usual := errors.New("usual")
	if err := fails(func() error { return usual }); err != usual || text.Len() > 0 {
		t.Errorf("%v, log: %s", err, &text)
	}
	var e *Error
	if err := fails(func() error { panic("injected") }); !errors.As(err, &e) || !strings.Contains(err.Error(), "injected") {
		t.Errorf("%v", err)
	}
	if !strings.Contains(text.String(), "TestCatch") {
		t.Errorf("the log has no stack: %s", &text)
	}
}
