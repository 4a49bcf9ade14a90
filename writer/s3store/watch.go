package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/s3mpfs/s3mpfs/writer"
)

// errHeader marks a request that cannot be sent at all.
var errHeader = errors.New("a control character in a header")

// stalledError says that a request stood still.
type stalledError struct{ limit time.Duration }

func (e *stalledError) Error() string { return fmt.Sprintf("nothing moved for %v", e.limit) }

// Timeout makes it a time-out to whoever asks by net.Error's method.
func (e *stalledError) Timeout() bool { return true }

// watch ends one attempt when it stands still: no byte of the body sent, or
// none of the answer received, for stall; and while the store works on its
// answer, for patience. The length of the whole request is not limited.
//
// It also sees to it that the body is no longer read when the attempt returns,
// because its memory is used again: net/http may go on reading a body after it
// has given the answer, until it has closed it.
type watch struct {
	stall    time.Duration // while the body is sent
	patience time.Duration // until the answer begins
	trickle  time.Duration // while the answer comes in
	body     *writer.Body  // nil where the request carries no content
	opened   sync.WaitGroup

	sent   bool // a request was handed to the HTTP client
	status int
	date   time.Time
	server string // by its own name

	mu     sync.Mutex // guards what follows
	limit  time.Duration
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

type watchKey struct{}

func (w *watch) attach(ctx context.Context) context.Context {
	return context.WithValue(ctx, watchKey{}, w)
}

// dateOf is the store's time in the answer to an attempt.
func dateOf(ctx context.Context) time.Time { return ctx.Value(watchKey{}).(*watch).date }

// begin starts to watch a request; cancel ends it.
func (w *watch) begin(cancel context.CancelCauseFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil { // a session was asked for before the operation itself
		w.timer.Stop()
		w.cancel(nil)
	}
	w.limit, w.cancel = w.stall, cancel
	w.timer = time.AfterFunc(w.limit, func() { cancel(&stalledError{w.currentLimit()}) })
}

func (w *watch) currentLimit() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.limit
}

// progress says that something moved.
func (w *watch) progress() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Reset(w.limit)
	}
}

// allow is progress after which another limit holds.
func (w *watch) allow(limit time.Duration) {
	w.mu.Lock()
	w.limit = limit
	w.mu.Unlock()
	w.progress()
}

// end stops the watch and waits until nobody reads the body any more.
func (w *watch) end() {
	w.mu.Lock()
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
		w.cancel(nil)
	}
	w.mu.Unlock()
	w.opened.Wait()
}

// open gives a reader of the body for one request.
func (w *watch) open() *sentBody {
	w.opened.Add(1)
	return &sentBody{BodyReader: w.body.NewReader(), watch: w}
}

// sentBody is a body on its way.
type sentBody struct {
	*writer.BodyReader
	watch *watch
	once  sync.Once
}

func (b *sentBody) Read(p []byte) (int, error) {
	b.watch.progress()
	return b.BodyReader.Read(p)
}

// WriteTo writes the blocks from where they lie.
func (b *sentBody) WriteTo(w io.Writer) (int64, error) {
	return b.BodyReader.WriteTo(progressWriter{w, b.watch})
}

// Close is called once the request is written, or given up.
func (b *sentBody) Close() error {
	b.once.Do(func() {
		b.watch.allow(b.watch.patience)
		b.watch.opened.Done()
	})
	return nil
}

type progressWriter struct {
	io.Writer
	watch *watch
}

// stride is how many bytes are written at once: measured over loopback, 32 KiB
// cost the least processor time, and any slow line takes them in time.
const stride = 32 << 10

func (w progressWriter) Write(p []byte) (done int, err error) {
	for done < len(p) && err == nil {
		var n int
		n, err = w.Writer.Write(p[done:min(done+stride, len(p))])
		done += n
		w.watch.progress()
	}
	return done, err
}

// answer is the body of a response under a watch.
type answer struct {
	io.ReadCloser
	watch *watch
	ctx   context.Context
}

func (a *answer) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if n > 0 {
		a.watch.progress()
	}
	if err != nil && err != io.EOF {
		err = stalledOr(a.ctx, err)
	}
	return n, err
}

// stalledOr prefers the watch's reason to "context canceled".
func stalledOr(ctx context.Context, err error) error {
	var stalled *stalledError
	if errors.As(context.Cause(ctx), &stalled) {
		return stalled
	}
	return err
}

// watchedClient is the SDK's way to HTTP. It follows no redirection, which
// would take the credentials elsewhere.
type watchedClient struct{ http http.RoundTripper }

func (c *watchedClient) Do(req *http.Request) (*http.Response, error) {
	w, ok := req.Context().Value(watchKey{}).(*watch)
	if !ok {
		return c.http.RoundTrip(req)
	}
	if err := checkHeader(req.Header); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	req = req.WithContext(ctx)
	w.sent = true
	w.begin(cancel)
	if w.body != nil && w.body.Size > 0 && req.Method == http.MethodPut {
		req.Body = w.open()
		req.GetBody = func() (io.ReadCloser, error) { return w.open(), nil }
	} else {
		w.allow(w.patience)
	}
	resp, err := c.http.RoundTrip(req)
	if err != nil {
		return nil, stalledOr(ctx, err)
	}
	w.answered(resp)
	resp.Body = &answer{resp.Body, w, ctx}
	return resp, nil
}

// answered notes the head of the response.
func (w *watch) answered(resp *http.Response) {
	w.allow(w.trickle)
	w.status, w.server = resp.StatusCode, resp.Header.Get("Server")
	// A date that cannot be read is no date.
	w.date, _ = http.ParseTime(resp.Header.Get("Date"))
}

// checkHeader refuses what net/http would refuse with an error that looks like
// one of the network.
func checkHeader(header http.Header) error {
	for name, values := range header {
		for _, v := range values {
			if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
				return fmt.Errorf("%w: %s", errHeader, name)
			}
		}
	}
	return nil
}
