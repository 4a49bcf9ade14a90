package s3fake

import "github.com/s3mpfs/s3mpfs/writer"

// Call is one request that is about to be made.
type Call struct {
	Op         string // its name in the S3 API, see package s3op
	Key        string
	PartNumber int32 // zero where there is none
	N          int   // how manieth request of all this is, from 1
	OpN        int   // how manieth of this operation, from 1
}

// Fault is what goes wrong with a call. The zero value is nothing.
type Fault struct {
	// Class of the error that the call returns, one of package writer's.
	Class error
	// Code and Status are what S3 would have answered; may be empty.
	Code   string
	Status int
	// Acted: the call takes its effect all the same and only the answer is
	// lost.
	Acted bool
	// Late is called, if not nil, when the call has taken its effect, and its
	// answer waits until it returns.
	Late func()
}

// LostAnswer is the fault of a call that took its effect, unknown to the
// caller.
var LostAnswer = Fault{Class: writer.ErrUnavailable, Acted: true}

// Refuse is the fault of a call that fails with an error of this class and has
// no effect.
func Refuse(class error) Fault { return Fault{Class: class} }

func (f Fault) before() bool { return f.Class != nil && !f.Acted }
func (f Fault) after() bool  { return f.Class != nil && f.Acted }

func (f Fault) refusal() *refusal {
	return &refusal{code: f.Code, status: f.Status, class: f.Class}
}

// Inject has fail decide about every call from now on; nil ends that. It is
// called before the call acts, without a lock, by several goroutines at once,
// and may wait: the call waits with it.
func (s *Store) Inject(fail func(Call) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = fail
}

// FailNth makes the n-th call from now on fail with f, for tests that let call
// 1, 2, 3, ... fail in turn.
func (s *Store) FailNth(n int, f Fault) {
	n += s.Counts().Total()
	s.Inject(func(c Call) Fault {
		if c.N == n {
			return f
		}
		return Fault{}
	})
}

// admit counts a call and asks what goes wrong with it.
func (s *Store) admit(op, key string, number int32) (Call, Fault) {
	s.mu.Lock()
	s.counts.calls++
	s.counts.Requests[op]++
	call := Call{Op: op, Key: key, PartNumber: number, N: s.counts.calls, OpN: s.counts.Requests[op]}
	fail := s.fail
	s.mu.Unlock()
	if fail == nil {
		return call, Fault{}
	}
	return call, fail(call)
}
