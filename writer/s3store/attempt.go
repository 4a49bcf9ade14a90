package s3store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/cenkalti/backoff/v5"

	"github.com/s3mpfs/s3mpfs/writer"
)

// Attempt describes one HTTP request that has ended.
type Attempt struct {
	Operation string // S3's name, such as "UploadPart"
	Key       string // of the object, or the prefix of a listing
	Status    int    // HTTP status, 0 where no answer arrived
	Code      string // S3's error code, empty on success or where none arrived
	Duration  time.Duration
	Bytes     int64 // of content, sent or received
	Retry     int   // 0 for the first attempt of an operation
	Err       error // nil on success
}

// serverWork is how long S3 may take over a completion or a copy.
const serverWork = 15 * time.Minute

// operation is one call of a method of Store: what holds for all of its
// attempts, and what has been learnt from them.
type operation struct {
	name    string // S3's name, such as "UploadPart"
	words   string // for people, such as "upload part 7"
	key     string
	body    *writer.Body  // what is sent, nil where there is none
	receive func() int64  // bytes of content received so far, nil where there are none
	slow    bool          // the store itself has work to do
	settle  bool          // a conflict is tried again in place
	limit   time.Duration // how long to try again, 0 for Config.RetryTimeout
	mount   bool          // asked while somebody waits at the terminal: no patience

	tries   int
	seconds int  // attempts granted to faults that are probably final
	resends int  // attempts after bytes that arrived wrong
	final   bool // the last failure was not worth another attempt
	doubt   bool // an attempt may have taken effect without an answer
}

// run makes attempts until one succeeds, one fails for good, the time is up or
// ctx ends. The error is a *writer.StoreError.
func run[Out any](ctx context.Context, s *Store, op *operation, send func(context.Context, *s3.Client) (Out, error)) (Out, error) {
	limit := s.cfg.RetryTimeout
	if op.limit > 0 {
		limit = min(limit, op.limit)
	}
	limit = max(limit-writer.Waited(ctx), min(limit, leastPatience))
	var last *failure
	out, err := backoff.Retry(ctx, func() (Out, error) {
		out, f := once(ctx, s, op, send)
		if f == nil {
			return out, nil
		}
		last = f
		if op.final = !s.again(op, f); op.final {
			return out, backoff.Permanent(f)
		}
		return out, f
	}, backoff.WithBackOff(s.cfg.newBackOff()), backoff.WithMaxElapsedTime(limit))
	if err == nil {
		return out, nil
	}
	return out, op.verdict(ctx, last)
}

// once makes one attempt and reports it.
func once[Out any](ctx context.Context, s *Store, op *operation, send func(context.Context, *s3.Client) (Out, error)) (Out, *failure) {
	w := &watch{stall: s.cfg.StallTimeout, patience: 2 * s.cfg.StallTimeout, trickle: s.cfg.StallTimeout, body: op.body}
	if op.slow {
		w.patience, w.trickle = serverWork, serverWork
	}
	start, before := time.Now(), op.received()
	out, err := send(w.attach(ctx), s.client.Load())
	w.end()
	if w.status != 0 {
		s.reached.Store(true)
		s.versity.meet(w.server)
	}
	f := newFailure(op, w, err)
	s.cfg.Observe(op.attempt(w, f, time.Since(start), before))
	op.tries++
	if f != nil && f.ambiguous() {
		op.doubt = true
	}
	return out, f
}

func (op *operation) attempt(w *watch, f *failure, d time.Duration, before int64) Attempt {
	a := Attempt{Operation: op.name, Key: op.key, Status: w.status, Duration: d, Retry: op.tries, Bytes: op.received() - before}
	if op.body != nil {
		a.Bytes = op.body.Size
	}
	if f != nil {
		a.Status, a.Code, a.Err = f.Status, f.Code, f.StoreError
	}
	return a
}

func (op *operation) received() int64 {
	if op.receive == nil {
		return 0
	}
	return op.receive()
}

// leastPatience is how long a request is tried again that waited so long for
// its turn that its time is over.
const leastPatience = time.Second

// hurried is how often something is tried at mount time, where a wrong address
// is more likely than a passing fault.
const hurried = 3

// patience is how often bytes that arrived wrong are sent. Bytes that are wrong
// each time were spoilt before they left.
const patience = 10

// again decides whether a failure is worth another attempt, and renews the
// credentials where they are the reason.
func (s *Store) again(op *operation, f *failure) bool {
	switch f.remedy(op) {
	case waitAndRetry:
		return !op.mount || op.tries < hurried
	case retryOnceReached:
		return s.reached.Load() && !op.mount || op.tries < hurried
	case sendAgain:
		op.resends++
		return op.resends < patience
	case renewAndRetry:
		s.renew()
		return !op.mount || op.tries < hurried
	case renewAndLook:
		s.renew()
		op.seconds++
		return s.reached.Load() && !op.mount && op.seconds < hurried
	}
	return false
}

// renew forgets the credentials, so that the next attempt reads new ones.
func (s *Store) renew() {
	if s.credentials != nil {
		s.credentials.Invalidate()
	}
}

// verdict is the operation's error after its last failure.
func (op *operation) verdict(ctx context.Context, last *failure) error {
	e := *last.StoreError
	switch ended := context.Cause(ctx); {
	case ended != nil:
		e.Class, e.Err = writer.ErrUnavailable, &cause{text: ended.Error(), err: errors.Join(ended, last.Err)}
	case !op.final:
		text := fmt.Sprintf("given up after %d attempts: %v", op.tries, last.Err)
		e.Class, e.Err = writer.ErrUnavailable, &cause{text: text, err: errors.Join(last.Err, last.Class)}
	}
	return &e
}

// fullJitter pauses between nothing and 200 ms, then twice as long each time,
// up to 20 s: a random part of the pause, so that many parts that failed
// together do not come back together.
func fullJitter() backoff.BackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval:     100 * time.Millisecond,
		RandomizationFactor: 1,
		Multiplier:          2,
		MaxInterval:         10 * time.Second,
	}
}
