package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
)

// ErrCutOff: the serving process ended before it told the outcome, so that
// nobody knows whether everything is durable.
var ErrCutOff = errors.New("the serving process ended before it could say that everything is durable")

// Client speaks with the process that serves one mount.
type Client struct{ http http.Client }

// NewClient uses the socket at path, see [Find].
func NewClient(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	return &Client{http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// Close gives the connection up.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status asks what the mount is doing.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	answer, err := c.do(ctx, http.MethodGet, "/status")
	if err != nil {
		return s, err
	}
	defer answer.Close()
	if err := json.NewDecoder(answer).Decode(&s); err != nil {
		return s, fmt.Errorf("read the status: %w", err)
	}
	return s, nil
}

// Umount completes every file and unmounts. It calls report with what is left
// now and then, and returns when the mount is gone. A ctx that ends gives up
// waiting; the serving process goes on.
func (c *Client) Umount(ctx context.Context, report func(Progress)) (Outcome, error) {
	return c.follow(ctx, http.MethodPost, report)
}

// Await is Umount for a mount that somebody else ends. It calls report for the
// first time when the outcome cannot be missed any more.
func (c *Client) Await(ctx context.Context, report func(Progress)) (Outcome, error) {
	return c.follow(ctx, http.MethodGet, report)
}

func (c *Client) follow(ctx context.Context, method string, report func(Progress)) (Outcome, error) {
	answer, err := c.do(ctx, method, "/umount")
	if err != nil {
		return Outcome{}, err
	}
	defer answer.Close()
	for lines := json.NewDecoder(answer); ; {
		var e Event
		if err := lines.Decode(&e); err != nil {
			return Outcome{}, errors.Join(ctx.Err(), fmt.Errorf("%w: %w", ErrCutOff, err))
		}
		if e.Progress != nil {
			report(*e.Progress)
		}
		if e.Outcome != nil {
			return *e.Outcome, nil
		}
	}
}

func (c *Client) do(ctx context.Context, method, path string) (io.ReadCloser, error) {
	// The host is never looked up: the socket is the address.
	request, err := http.NewRequestWithContext(ctx, method, "http://s3mpfs"+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, fmt.Errorf("%s: the serving process answers %s", path, answer.Status)
	}
	return answer.Body, nil
}
