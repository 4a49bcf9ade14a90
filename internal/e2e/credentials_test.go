package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/s3mpfs/s3mpfs/internal/faultproxy"
)

// process is a credential_process. Its credentials say the truth about when
// they end, but for every third, which end sooner than they say.
const process = `#!/bin/sh
set -eu
cd "$(dirname "$0")"
echo x >> asked
until=$(date -u -d "+$LIFE seconds" +%Y-%m-%dT%H:%M:%SZ)
token=until-$until
[ $(($(wc -l < asked) % 3)) -ne 0 ] || token=until-$(date -u -d "+1 seconds" +%Y-%m-%dT%H:%M:%SZ)
cat <<END
{"Version": 1, "AccessKeyId": "$ID", "SecretAccessKey": "$SECRET", "SessionToken": "$token", "Expiration": "$until"}
END
`

// TestCredentialsThatExpire: a file is written for longer than credentials live,
// from a process that makes new ones, and the server takes no old ones.
func TestCredentialsThatExpire(t *testing.T) {
	t.Parallel()
	life, whole := longOr(20*time.Second, 7*time.Second), longOr(5*time.Minute, 16*time.Second)
	b := newBucket(t, all.versitygw(t))
	proxy := b.behindProxy()
	proxy.SignSessions(b.store.AccessKey, b.store.SecretKey, b.store.Region)
	proxy.Set(faultproxy.Rule{Times: faultproxy.Always, Action: faultproxy.Expire})
	program := b.local("credentials.sh", []byte(strings.NewReplacer(
		"$LIFE", fmt.Sprint(life.Seconds()), "$ID", b.store.AccessKey, "$SECRET", b.store.SecretKey).Replace(process)))
	if err := os.Chmod(program, 0o755); err != nil {
		t.Fatal(err)
	}
	config := b.local("config", []byte("[default]\nregion = "+b.store.Region+"\ncredential_process = "+program+"\n"))
	b.env = []string{"AWS_CONFIG_FILE=" + config, "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true"}
	m := b.mount("--part-size", "5MiB", "--log-level", "info")
	f := m.create("f")
	var want bytes.Buffer
	// A camera's pace: what is written is paced by time because credentials are.
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	step := longOr(1, 3) // writes of 300 KiB, or of 100 KiB
	for begun, i := time.Now(), 0; time.Since(begun) < whole; i++ {
		<-tick.C
		p := random(byte(i), int(step)*100*kib)
		m.write(f, p)
		want.Write(p)
	}
	m.close(f)
	m.wantObject("f", want.Bytes())
	asked, err := os.ReadFile(filepath.Join(b.work, "asked"))
	if err != nil {
		t.Fatal(err)
	}
	if n, least := strings.Count(string(asked), "x"), int(whole/life); n < least {
		t.Errorf("credentials were asked for %d times, want at least %d", n, least)
	}
	if strings.Contains(m.log(), b.store.SecretKey) || strings.Contains(m.log(), "until-") {
		t.Error("the log has credentials")
	}
}
