package e2e

import (
	"os"
	"strings"
	"testing"
)

// as runs a script in the mount as a user and a group that are nobody else's.
func (m *mount) as(script string) (code int, output string) {
	m.t.Helper()
	return m.try(`cd $MNT; exec setpriv --reuid=12345 --regid=54321 --clear-groups bash -c "$SCRIPT"`, "SCRIPT="+script)
}

// wantAs checks what another user's script says; where that is an error, that it
// fails.
func (m *mount) wantAs(script, want string) {
	m.t.Helper()
	code, output := m.as(script)
	if refused := want != ""; refused != (code != 0) || !strings.Contains(output, want) {
		m.t.Errorf("%s: exit code %d, want %q\n%s", script, code, want, output)
	}
}

// TestOtherUsers are let in by --allow-other, as far as modes and owners go.
func TestOtherUsers(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // only root can become another user
	}
	m := mountBucket(t, all.versitygw(t), "--allow-other")
	const denied, notPermitted = "Permission denied", "Operation not permitted"
	m.sh(`cd $MNT; umask 022; echo x > plain; echo x > secret; chmod 600 secret; mkdir -m 700 closed; echo x > closed/f
		mkdir -m 777 open; echo x > open/f; mkdir -m 1777 sticky; echo x > sticky/f; echo x > writable; chmod 666 writable`)
	for range 2 {
		for script, want := range map[string]string{
			`cat plain open/f sticky/f; ls -l . open; stat secret closed`: "",
			`echo more >> plain`:            denied,
			`> plain`:                       denied,
			`truncate -s 0 plain`:           denied,
			`cat secret`:                    denied,
			`head -c 1 < secret`:            denied,
			`cp secret sticky/copy`:         denied,
			`ls closed`:                     denied,
			`cat closed/f`:                  denied,
			`> new`:                         denied,
			`mkdir d`:                       denied,
			`ln -s x l`:                     denied,
			`rm -f plain`:                   denied,
			`mv plain sticky/`:              denied,
			`rm -f sticky/f`:                notPermitted,
			`mv sticky/f open/g`:            notPermitted,
			`chmod 666 plain`:               notPermitted,
			`chown 12345 plain`:             notPermitted,
			`touch -c -d @1 plain`:          notPermitted,
			`setfattr -n user.x -v 1 plain`: denied,
			`getfattr -n user.x secret`:     denied,
			`echo x > sticky/own; chown 0 sticky/own`: notPermitted,
			`rm sticky/own; mv open/f open/g; mv open/g open/f; echo more >> writable; echo x > writable; setfattr -n user.x -v 1 writable`: "",
		} {
			m.wantAs(script, want)
		}
		m = m.remount("--allow-other")
	}
	m.wantObject("plain", []byte("x\n"))
	m.wantObject("secret", []byte("x\n"))
}

// TestWhoMakesAFileOwnsIt, and the group of a folder that is shared by one.
func TestWhoMakesAFileOwnsIt(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // only root can become another user
	}
	m := mountBucket(t, all.versitygw(t), "--allow-other")
	m.sh(`cd $MNT; mkdir -m 777 open; mkdir group; chown 7:77 group; chmod 2777 group`)
	const script = `umask 022; for d in open group; do echo x > $d/f; mkdir $d/d; ln -s f $d/l; head -c 12M /dev/zero > $d/large; done
		chmod 600 open/f; touch -d @1000000000 open/f`
	m.wantAs(script, "")
	m.sh(`cd $MNT; umask 022; echo x > group/root; echo x > open/root`)
	for range 2 {
		m.wantOutput(`cd $MNT; stat -c '%n %u %g %a' open/* group/*`, `
			open/d 12345 54321 755
			open/f 12345 54321 600
			open/l 12345 54321 777
			open/large 12345 54321 644
			open/root 0 0 644
			group/d 12345 77 2755
			group/f 12345 77 644
			group/l 12345 77 777
			group/large 12345 77 644
			group/root 0 77 644`)
		m = m.remount("--allow-other")
	}
	if got := m.head("open/large").Metadata; got["uid"] != "12345" || got["gid"] != "54321" {
		t.Errorf("metadata %v", got)
	}
	m.wantAs(`rm -r open/* group/d`, "")
}

// TestPrivilegesAreLost with a change by somebody else than root, as on any disk.
func TestPrivilegesAreLost(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // only root can become another user
	}
	m := mountBucket(t, all.versitygw(t), "--allow-other")
	m.sh(`mkdir -m 777 $MNT/d; for name in write append truncate empty copy chown root; do
		head -c 6M /dev/zero > $MNT/d/$name; sync $MNT/d/$name; chmod 6777 $MNT/d/$name; done`)
	m.wantAs(`cd d; lost() { test $(stat -c %a $1) = 777; }; set -ex
		echo x | dd of=write conv=notrunc status=none; lost write; echo x >> append; lost append
		truncate -s 5 truncate; lost truncate; > empty; lost empty; cp write copy; lost copy`, "")
	m.sh(`cd $MNT/d; chown 1 chown; echo x >> root`)
	for range 2 {
		m.wantOutput(`cd $MNT/d; stat -c '%n %a' *`, `
			append 777
			chown 777
			copy 777
			empty 777
			root 6777
			truncate 777
			write 777`)
		m = m.remount("--allow-other")
	}
}

// TestNobodyElseIsLetIn unless the mount is asked to.
func TestNobodyElseIsLetIn(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // only root can become another user
	}
	m := mountBucket(t, all.versitygw(t), "--dir-mode", "0777", "--file-mode", "0666")
	m.put("f", nil)
	m.sh(`ls $MNT`)
	for _, script := range []string{`ls .`, `cat f`, `> new`, `stat f`} {
		m.wantAs(script, "Permission denied")
	}
}
