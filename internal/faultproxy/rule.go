package faultproxy

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// Rule says which requests something happens to, and what. The first rule of
// the table that strikes a request decides about it.
type Rule struct {
	Operation string `json:"operation,omitempty"` // name in the S3 API, see package s3op; empty: every
	Key       string `json:"key,omitempty"`       // the key, or the prefix of a listing, contains this
	// Nth of the requests that match is the first to be struck, from 1; 0 is 1.
	Nth int `json:"nth,omitempty"`
	// Times is how many are struck from there on; 0 is one, Always all.
	Times int `json:"times,omitempty"`
	// Every n-th of those that match is struck, of those that Nth and Times
	// leave; 0 is each.
	Every int `json:"every,omitempty"`

	Action Action        `json:"action"`
	Status int           `json:"status,omitempty"` // of Answer
	Code   string        `json:"code,omitempty"`   // S3's error code, of Answer
	Bytes  int64         `json:"bytes,omitempty"`  // of CutRequest, CutAnswer, Corrupt and CorruptAnswer: the offset in the body
	Wait   time.Duration `json:"wait,omitempty"`   // of Delay and Refuse, in nanoseconds
}

// Always as Rule.Times strikes every request.
const Always = -1

// Action is what happens to a request.
type Action string

// The actions.
const (
	// Answer answers instead of the server, which never hears of the request,
	// with Status and an error document that names Code. A Status of 200 is
	// the error that S3 sends after it has begun to answer.
	Answer Action = "answer"
	// Delay passes the request on after Wait.
	Delay Action = "delay"
	// Hold passes the request on after the next Release.
	Hold Action = "hold"
	// CutRequest breaks the connections after Bytes of the request's body.
	CutRequest Action = "cut request"
	// CutAnswer breaks the connection after Bytes of the answer's body.
	CutAnswer Action = "cut answer"
	// DropAnswer lets the server act and breaks the connection then.
	DropAnswer Action = "drop answer"
	// Corrupt inverts the byte at offset Bytes of the request's body.
	Corrupt Action = "corrupt"
	// CorruptAnswer inverts the byte at offset Bytes of the answer's body.
	CorruptAnswer Action = "corrupt answer"
	// Refuse breaks all connections, this one first, and refuses new ones for
	// the time of Wait, or until Resume.
	Refuse Action = "refuse"
	// Expire answers ExpiredToken to a request whose session token was made by
	// [SessionToken] and is past its time, and passes any other on.
	Expire Action = "expire"
)

var actions = map[Action]bool{
	Answer: true, Delay: true, Hold: true, CutRequest: true,
	CutAnswer: true, DropAnswer: true, Corrupt: true, CorruptAnswer: true, Refuse: true, Expire: true,
}

// table is the rules in force and how often they matched.
type table struct {
	mu      sync.Mutex // guards what follows; never held while waiting
	rules   []Rule
	matched []int         // by rule
	hits    []int         // by rule
	struck  int           // their sum
	changed chan struct{} // closed when struck grows
	gate    chan struct{} // closed by Release
}

// Set replaces all rules and begins to count their matches anew. An action
// that does not exist is a mistake in the test and panics.
func (p *Proxy) Set(rules ...Rule) {
	for _, r := range rules {
		if !actions[r.Action] {
			panic(fmt.Sprintf("faultproxy: no such action: %q", r.Action))
		}
	}
	t := &p.table
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rules, t.matched, t.hits, t.struck = rules, make([]int, len(rules)), make([]int, len(rules)), 0
	if t.gate == nil {
		t.gate, t.changed = make(chan struct{}), make(chan struct{})
	}
}

// Release lets go on what is held.
func (p *Proxy) Release() {
	p.table.mu.Lock()
	defer p.table.mu.Unlock()
	close(p.table.gate)
	p.table.gate = make(chan struct{})
}

// Struck is how many requests the rules have struck since they were set.
func (p *Proxy) Struck() int {
	p.table.mu.Lock()
	defer p.table.mu.Unlock()
	return p.table.struck
}

// StruckBy is how many of them the rule of that index has struck.
func (p *Proxy) StruckBy(rule int) int {
	p.table.mu.Lock()
	defer p.table.mu.Unlock()
	return p.table.hits[rule]
}

// AwaitStruck returns when the rules have struck n requests since they were
// set.
func (p *Proxy) AwaitStruck(ctx context.Context, n int) error {
	for {
		p.table.mu.Lock()
		struck, changed := p.table.struck, p.table.changed
		p.table.mu.Unlock()
		if struck >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// strike gives the rule that strikes a request, the zero Rule if none does, and
// what the next Release closes. Every rule counts what it matches, also where
// another one strikes.
func (t *table) strike(req s3op.Request) (hit Rule, released <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, r := range t.rules {
		if !r.matches(req) {
			continue
		}
		t.matched[i]++
		if hit.Action == "" && r.strikes(t.matched[i]) {
			hit = r
			t.hits[i]++
		}
	}
	if hit.Action != "" {
		t.struck++
		close(t.changed)
		t.changed = make(chan struct{})
	}
	return hit, t.gate
}

func (r Rule) matches(req s3op.Request) bool {
	return (r.Operation == "" || r.Operation == req.Operation) && strings.Contains(req.Key, r.Key)
}

// strikes tells whether the n-th request that matches is struck.
func (r Rule) strikes(n int) bool {
	first := max(r.Nth, 1)
	within := n >= first && (r.Times == Always || n < first+max(r.Times, 1))
	return within && (n-first)%max(r.Every, 1) == 0
}
