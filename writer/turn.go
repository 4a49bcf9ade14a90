package writer

import (
	"context"
	"time"
)

// inTurn sends a request that carries so many bytes of f when there is a slot
// for it, unless done is closed first.
func (e *Engine) inTurn(ctx context.Context, f *File, done <-chan struct{}, bytes int64, send func(context.Context) error) error {
	asked := time.Now()
	if !e.slots.acquire(f, done) {
		return context.Canceled
	}
	defer e.slots.release(bytes)
	if waited := e.slots.inVain(asked); waited > 0 {
		ctx = WithWaited(ctx, waited)
	}
	err := send(ctx)
	if err == nil {
		e.slots.success()
	}
	return err
}

type waitedKey struct{}

// WithWaited makes a context of a request that has waited for its turn so long.
func WithWaited(ctx context.Context, waited time.Duration) context.Context {
	return context.WithValue(ctx, waitedKey{}, waited)
}

// Waited is how long a request of this context has waited for its turn while
// every other that carries content failed. A Store counts that as time in which
// the request was tried: many files that are closed while the store is away fail
// together then, not some after the others.
func Waited(ctx context.Context) time.Duration {
	waited, _ := ctx.Value(waitedKey{}).(time.Duration)
	return waited
}
