package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/faultproxy"
	"github.com/s3mpfs/s3mpfs/internal/s3op"
)

// TestStatusAndMetrics looks at a file while it is written and S3 throttles.
func TestStatusAndMetrics(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	proxy := b.behindProxy()
	proxy.Set(faultproxy.Rule{Operation: "UploadPart", Nth: 1, Times: 1, Action: faultproxy.Answer, Status: 503, Code: "SlowDown"})
	address := freeAddress(t)
	m := b.mount("--metrics-addr", address)
	f := m.create("take")
	m.write(f, random(1, 25*mib))
	m.eventually("two parts are sent, and one again", func() bool {
		code, output := m.s3mpfs("status", m.dir)
		words := strings.Join(strings.Fields(output), " ")
		return code == 0 && strings.Contains(words, "take 25 MiB 20 MiB") &&
			strings.Contains(words, "dirty, after SlowDown") && strings.Contains(words, "1 throttled")
	})
	for page, line := range map[string]string{
		"/metrics": `s3mpfs_s3_requests_total{code="503",operation="UploadPart"} 1` + "\n",
		"/healthz": "ok\n",
	} {
		if text := fetch(t, "http://"+address+page); !strings.Contains(text, line) {
			t.Errorf("%s has no %q:\n%s", page, line, text)
		}
	}
	m.close(f)
}

// TestPendingAttributesAreTold: what chmod has set after close is told by status,
// and umount says that it waits for it.
func TestPendingAttributesAreTold(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	proxy := b.behindProxy()
	m := b.mount()
	if err := m.writeFile("f", []byte("x")); err != nil {
		t.Fatal(err)
	}
	proxy.Set(faultproxy.Rule{Operation: s3op.CopyObject, Times: faultproxy.Always, Action: faultproxy.Hold})
	if err := os.Chmod(m.path("f"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ flag, says string }{{"--json=false", "attributes of 1 name still"}, {"--json", `"attributes_pending":1`}} {
		if code, output := m.s3mpfs("status", c.flag, m.dir); code != 0 || !strings.Contains(output, c.says) {
			t.Errorf("exit code %d, without %q: %s", code, c.says, output)
		}
	}
	x := onTerminal(t, m.command("umount", m.dir), 24, 80)
	x.await("\x1b[Kattributes of 1 name to store")
	proxy.Set()
	proxy.Release()
	if code := x.end(); code != 0 {
		t.Errorf("exit code %d: %q", code, x.text())
	}
	if mode := m.head("f").Metadata["mode"]; mode != "33152" {
		t.Errorf("the mode is kept as %q", mode)
	}
}

// TestStatusWatch: --watch goes on until it is interrupted, which is its end.
func TestStatusWatch(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t))
	watch := m.command("status", m.dir, "--watch")
	out, err := watch.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(patience, func() { watch.Process.Kill() }).Stop()
	for pages := 0; pages < 2; {
		p := make([]byte, 4096)
		n, err := out.Read(p)
		if err != nil {
			t.Fatal(err)
		}
		pages += strings.Count(string(p[:n]), "no file is being written")
	}
	if err := watch.Process.Signal(syscall.SIGINT); err != nil {
		t.Error(err)
	}
	if err := watch.Wait(); err != nil {
		t.Error(err)
	}
}

// TestCredentialsStayWithTheProcess: neither the log, nor the command line, nor
// the control socket, nor the metrics have them, or anything derived from them.
func TestCredentialsStayWithTheProcess(t *testing.T) {
	t.Parallel()
	b := newBucket(t, all.versitygw(t))
	proxy := b.behindProxy()
	proxy.Set(faultproxy.Rule{Operation: "UploadPart", Times: faultproxy.Always, Action: faultproxy.Answer, Status: 403, Code: "SignatureDoesNotMatch"})
	address := freeAddress(t)
	m := b.mount("--metrics-addr", address)
	f := m.create("f")
	m.write(f, random(1, 12*mib))
	if err := f.Close(); err == nil {
		t.Error("closed without an error")
	}
	commandLine, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", m.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, status := m.s3mpfs("status", "--json", m.dir)
	for place, text := range map[string]string{
		"the log": m.log(), "the command line": string(commandLine), "the status": status,
		"the metrics": fetch(t, "http://"+address+"/metrics"),
	} {
		for _, secret := range []string{m.store.SecretKey, "Signature=", "Credential="} {
			if strings.Contains(text, secret) {
				t.Errorf("%s has %q:\n%s", place, secret, text)
			}
		}
		if text == "" {
			t.Errorf("%s is empty", place)
		}
	}
	m.wantLog("close failed", "SignatureDoesNotMatch")
}

// freeAddress is an address of the loopback that nobody used a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
