package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/s3mpfs/s3mpfs/internal/faultproxy"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// The matrix: whatever a program does with a file, each of its requests meets
// each fault, once and for good. Each case has a folder of its own in a bucket
// behind one proxy, so that the rules tell them apart and many share a mount.

// fault is a column of the matrix: what happens to a request.
type fault struct {
	name string
	rule faultproxy.Rule
}

var faultColumns = []fault{
	{"403", answered(403, "AccessDenied")},
	{"404", answered(404, "")}, // with the code of the operation, see notFound
	{"409", answered(409, "ConditionalRequestConflict")},
	{"412", answered(412, "PreconditionFailed")},
	{"500", answered(500, "InternalError")},
	{"503", answered(503, "SlowDown")},
	{"400 timeout", answered(400, "RequestTimeout")},
	{"400 expired", answered(400, "ExpiredToken")},
	{"200 + error", answered(200, "InternalError")},
	{"late", faultproxy.Rule{Action: faultproxy.Delay, Wait: 300 * time.Millisecond}},
	{"request cut", faultproxy.Rule{Action: faultproxy.CutRequest, Bytes: 100}},
	{"answer cut", faultproxy.Rule{Action: faultproxy.CutAnswer, Bytes: 10}},
	{"answer lost", faultproxy.Rule{Action: faultproxy.DropAnswer}},
	{"byte flipped", faultproxy.Rule{Action: faultproxy.Corrupt, Bytes: 50}},
	{"refused", faultproxy.Rule{Action: faultproxy.Refuse, Wait: time.Hour}},
}

// notFound is the code that S3 gives with a 404.
func notFound(operation string) string {
	switch operation {
	case s3op.ListObjectsV2, s3op.CreateMultipartUpload, s3op.PutObject:
		return "NoSuchBucket"
	case s3op.UploadPart, s3op.UploadPartCopy, s3op.CompleteMultipartUpload, s3op.AbortMultipartUpload, s3op.ListParts:
		return "NoSuchUpload"
	}
	return "NoSuchKey"
}

func answered(status int, code string) faultproxy.Rule {
	return faultproxy.Rule{Action: faultproxy.Answer, Status: status, Code: code}
}

// content of objects by name, nil for one that must not exist.
type content map[string][]byte

// fileKind is what a program does with a file, and the requests that it takes.
type fileKind struct {
	name          string
	operations    []string
	before, after content
	// between is what else a failure may leave, as S3 has no operation that
	// does both halves of a rename.
	between content
	do      func(m *mount, dir string) error
	// spoilt: its upload is refused anyway, and the fault strikes the clean-up.
	spoilt bool
}

var (
	matrixOld   = random(1, 3000)
	matrixSmall = random(2, 1000)
	matrixBig   = random(3, 11*mib)
	matrixBase  = random(4, 11*mib)
	matrixLog   = matrixBase[:6*mib]
)

var fileKinds = []fileKind{
	{
		name: "small", operations: []string{s3op.HeadObject, s3op.ListObjectsV2, s3op.PutObject},
		before: content{"f": matrixOld}, after: content{"f": matrixSmall},
		do: func(m *mount, dir string) error { return m.writeFile(dir+"f", matrixSmall) },
	},
	{
		name: "multipart", operations: []string{s3op.CreateMultipartUpload, s3op.UploadPart, s3op.CompleteMultipartUpload},
		before: content{"f": matrixOld}, after: content{"f": matrixBig},
		do: func(m *mount, dir string) error { return m.writeFile(dir+"f", matrixBig) },
	},
	{
		name: "append", operations: []string{s3op.HeadObject, s3op.CreateMultipartUpload, s3op.UploadPartCopy, s3op.UploadPart, s3op.CompleteMultipartUpload},
		before: content{"f": matrixLog}, after: content{"f": bytes.Join([][]byte{matrixLog, matrixSmall}, nil)},
		do: func(m *mount, dir string) error {
			return m.change(dir+"f", os.O_WRONLY|os.O_APPEND, func(f *os.File) error { return wrote(f.Write(matrixSmall)) })
		},
	},
	{
		name: "edit", operations: []string{s3op.HeadObject, s3op.GetObject, s3op.CreateMultipartUpload, s3op.UploadPartCopy, s3op.UploadPart, s3op.CompleteMultipartUpload},
		before: content{"f": matrixBase}, after: content{"f": edited(matrixBase, 6*mib)},
		do: func(m *mount, dir string) error {
			return m.change(dir+"f", os.O_WRONLY, func(f *os.File) error { return wrote(f.WriteAt(matrixSmall, 6*mib)) })
		},
	},
	{
		name: "rename", operations: []string{s3op.HeadObject, s3op.ListObjectsV2, s3op.CopyObject, s3op.DeleteObject},
		before: content{"f": matrixSmall, "g": matrixOld}, after: content{"f": nil, "g": matrixSmall},
		between: content{"f": matrixSmall, "g": matrixSmall},
		do:      func(m *mount, dir string) error { return os.Rename(m.path(dir+"f"), m.path(dir+"g")) },
	},
	{
		name: "remove", operations: []string{s3op.HeadObject, s3op.ListObjectsV2, s3op.DeleteObject},
		before: content{"f": matrixSmall}, after: content{"f": nil},
		do: func(m *mount, dir string) error { return os.Remove(m.path(dir + "f")) },
	},
	{
		name: "read", operations: []string{s3op.HeadObject, s3op.GetObject},
		before: content{"f": matrixLog}, after: content{"f": matrixLog},
		do: func(m *mount, dir string) error { return m.readWhole(dir+"f", matrixLog) },
	},
	{
		name: "list", operations: []string{s3op.ListObjectsV2},
		before: content{"f": matrixSmall}, after: content{"f": matrixSmall},
		do: func(m *mount, dir string) error { return m.listed(dir, "f") },
	},
	{
		name: "clean up", operations: []string{s3op.AbortMultipartUpload, s3op.ListParts}, spoilt: true,
		before: content{"f": matrixOld}, after: content{"f": matrixOld},
		do: func(m *mount, dir string) error {
			if err := m.writeFile(dir+"f", matrixBig); !errors.Is(err, syscall.EACCES) {
				return fmt.Errorf("a completion that is refused: %w", err)
			}
			return nil
		},
	},
}

func edited(base []byte, off int) []byte {
	p := bytes.Clone(base)
	copy(p[off:], matrixSmall)
	return p
}

func wrote(_ int, err error) error { return err }

// change gives the first error of open, change and close.
func (m *mount) change(name string, flags int, change func(f *os.File) error) error {
	f, err := os.OpenFile(m.path(name), flags, 0)
	if err != nil {
		return err
	}
	err = change(f)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// errDisguised says that a fault was taken for an answer.
var errDisguised = errors.New("a fault in disguise")

// readWhole reads a file and wants these bytes or an error.
func (m *mount) readWhole(name string, want []byte) error {
	f, err := os.Open(m.path(name))
	if err != nil {
		return err
	}
	defer f.Close()
	got, err := io.ReadAll(f)
	if err == nil && !bytes.Equal(got, want) || !bytes.HasPrefix(want, got) {
		return fmt.Errorf("%w: wrong bytes are read: %s", errDisguised, difference(got, want))
	}
	return err
}

func (m *mount) listed(dir, want string) error {
	entries, err := os.ReadDir(m.path(dir))
	if err == nil && (len(entries) != 1 || entries[0].Name() != want) {
		return fmt.Errorf("%w: listed as %v", errDisguised, entries)
	}
	return err
}

// matrixCase is one cell, or one half of it.
type matrixCase struct {
	kind      *fileKind
	operation string
	fault     *fault
	always    bool
	rule      int    // index in the proxy's table
	dir       string // with a slash at its end
	result    string
	left      bool // an upload stayed in the bucket, and the log names it
}

func (c *matrixCase) String() string {
	how := "once"
	if c.always {
		how = "for good"
	}
	return fmt.Sprintf("%s, %s %s %s", c.kind.name, c.operation, c.fault.name, how)
}

// possible leaves out what cannot happen: a request without a body has no byte
// to flip or to be cut in, and the answer to HEAD has none to be cut.
func possible(operation string, f *fault) bool {
	sends := operation == s3op.PutObject || operation == s3op.UploadPart || operation == s3op.CompleteMultipartUpload
	if f.rule.Status == 404 && (operation == s3op.DeleteObject || operation == s3op.AbortMultipartUpload) {
		return false // that is a success: it is gone
	}
	switch f.rule.Action {
	case faultproxy.Corrupt, faultproxy.CutRequest:
		return sends
	case faultproxy.CutAnswer:
		return operation == s3op.GetObject || operation == s3op.ListObjectsV2 || operation == s3op.CreateMultipartUpload ||
			operation == s3op.CompleteMultipartUpload || operation == s3op.CopyObject || operation == s3op.UploadPartCopy
	}
	return !(f.rule.Status == 200 && (operation == s3op.HeadObject || operation == s3op.GetObject))
}

// strip is cases that share a proxy and a mount.
type strip struct {
	*mount
	proxy *faultproxy.Proxy
	cases []*matrixCase
	// alone: one case at a time, because the fault strikes the whole line.
	alone bool
}

const (
	// untilGivenUp is --retry-timeout where a fault is for good,
	untilGivenUp = time.Second
	// shortOutage is how long the line is down once.
	shortOutage = 300 * time.Millisecond
	// bounded is the most time that any case may take. The proxy, the server
	// and all mounts share a machine with other tests.
	bounded = 40 * time.Second
	// together is how many cases of a strip run at the same time.
	together = 32
)

// newStrip mounts a bucket for cases, each with its objects and its rule.
func newStrip(t *testing.T, cases []*matrixCase, always, alone bool) *strip {
	b := newBucket(t, all.versitygw(t))
	s := &strip{proxy: b.behindProxy(), cases: cases, alone: alone}
	timeout := bounded
	if always {
		timeout = untilGivenUp
	}
	var rules []faultproxy.Rule
	for i, c := range cases {
		c.dir = fmt.Sprintf("case-%04d/", i)
		c.rule = len(rules)
		rule := c.fault.rule
		rule.Key, rule.Operation = c.dir, c.operation
		if rule.Status == 404 {
			rule.Code = notFound(c.operation)
		}
		switch {
		case always:
			rule.Times = faultproxy.Always
		case alone:
			rule.Wait = shortOutage
		}
		rules = append(rules, rule)
		if c.kind.spoilt {
			rules = append(rules, faultproxy.Rule{
				Key: c.dir, Operation: s3op.CompleteMultipartUpload, Times: faultproxy.Always,
				Action: faultproxy.Answer, Status: 403, Code: "AccessDenied",
			})
		}
	}
	s.mount = b.mount("--retry-timeout", timeout.String(), "--part-size", "5MiB", "--metadata-ttl", "0s")
	s.proxy.Set(rules...)
	return s
}

func (s *strip) run() {
	limit := make(chan struct{}, together)
	if s.alone {
		limit = make(chan struct{}, 1)
	}
	var running sync.WaitGroup
	for _, c := range s.cases {
		limit <- struct{}{}
		running.Go(func() {
			defer func() { <-limit }()
			s.runCase(c)
		})
	}
	running.Wait()
	s.checkLeft()
}

func (s *strip) runCase(c *matrixCase) {
	for name, p := range c.kind.before {
		s.put(c.dir+name, p)
	}
	begun := time.Now()
	err := c.kind.do(s.mount, c.dir)
	if took := time.Since(begun); took > bounded {
		s.t.Errorf("%v: took %v", c, took)
	}
	if s.alone {
		s.proxy.Resume()
	}
	if s.proxy.StruckBy(c.rule) == 0 && !s.struckLater(c) {
		s.t.Errorf("%v: no request was struck", c)
	}
	if errors.Is(err, errDisguised) {
		s.t.Errorf("%v: %v", c, err)
	}
	c.result = resultOf(err)
	if err == nil {
		s.wantState(c, err, c.kind.after)
	} else {
		s.wantState(c, err, c.kind.before, c.kind.between)
	}
	s.neighbour(c)
}

// struckLater waits for a fault that strikes after the program was told.
func (s *strip) struckLater(c *matrixCase) bool {
	if !c.kind.spoilt {
		return false
	}
	s.eventually(fmt.Sprint(c, " is struck"), func() bool { return s.proxy.StruckBy(c.rule) > 0 })
	return true
}

// resultOf is what the program is told.
func resultOf(err error) string {
	var errno syscall.Errno
	switch {
	case err == nil:
		return "✓"
	case errors.As(err, &errno):
		return unix.ErrnoName(errno)
	}
	return err.Error()
}

// wantState checks that the objects of a case are as in one of states.
func (s *strip) wantState(c *matrixCase, result error, states ...content) {
	var differences []string
	for _, want := range states {
		if want == nil {
			continue
		}
		d := s.compare(c.dir, want)
		if d == "" {
			return
		}
		differences = append(differences, d)
	}
	s.t.Errorf("%v: %v, but %s", c, result, strings.Join(differences, "; "))
}

// compare tells in what objects differ from want, empty if they do not.
func (s *strip) compare(dir string, want content) string {
	for name, p := range want {
		switch exists := s.exists(dir + name); {
		case exists != (p != nil):
			return fmt.Sprintf("object %s exists: %v", name, exists)
		case exists:
			if got := s.object(dir + name); !bytes.Equal(got, p) {
				return fmt.Sprintf("object %s %s", name, difference(got, p))
			}
		}
	}
	return ""
}

// neighbour checks that the mount serves other files.
func (s *strip) neighbour(c *matrixCase) {
	name := strings.TrimSuffix(c.dir, "/") + "-neighbour"
	if err := s.writeFile(name, matrixSmall); err != nil {
		s.t.Errorf("%v: another file: %v", c, err)
	}
	if got, err := os.ReadFile(s.path(name)); err != nil || !bytes.Equal(got, matrixSmall) {
		s.t.Errorf("%v: another file is read as %d bytes, %v", c, len(got), err)
	}
}

// checkLeft checks that nothing is left behind without a word, and marks the
// cases that leave an upload.
func (s *strip) checkLeft() {
	var unnamed []string
	named := func() bool {
		unnamed = nil
		left := s.b.Uploads(s.t)
		s.wantUploads = len(left)
		for _, c := range s.cases {
			if c.left = has(left, c.dir); c.left && !s.named(c.dir+"f") {
				unnamed = append(unnamed, c.dir+" "+c.String())
			}
		}
		return len(unnamed) == 0
	}
	for deadline := time.Now().Add(patience); !named(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Errorf("left behind after\n%s", strings.Join(unnamed, "\n"))
			return
		}
	}
}

// named tells whether the log has the command that aborts an upload, or says
// that one may be there whose ID nobody learnt.
func (s *strip) named(key string) bool {
	return s.logged("upload", key, "to_abort=") || s.logged("the answer to its creation was lost", key)
}

// has tells whether one of keys lies in a folder.
func has(keys []string, dir string) bool {
	return slices.ContainsFunc(keys, func(key string) bool { return strings.HasPrefix(key, dir) })
}
