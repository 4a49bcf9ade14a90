package metrics

import (
	"context"
	"log/slog"
	"strings"
)

// CountLog gives a handler that counts lines by their level before it hands
// them to next.
func (m *Metrics) CountLog(next slog.Handler) slog.Handler { return counting{next, m} }

type counting struct {
	slog.Handler
	metrics *Metrics
}

func (c counting) Handle(ctx context.Context, r slog.Record) error {
	c.metrics.messages.WithLabelValues(strings.ToLower(r.Level.String())).Inc()
	return c.Handler.Handle(ctx, r)
}

func (c counting) WithAttrs(attrs []slog.Attr) slog.Handler {
	return counting{c.Handler.WithAttrs(attrs), c.metrics}
}

func (c counting) WithGroup(name string) slog.Handler {
	return counting{c.Handler.WithGroup(name), c.metrics}
}
