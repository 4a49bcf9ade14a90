package e2e

import (
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/modeltest"
)

// TestSQLite makes 10,000 inserts with a journal that is deleted at each commit.
// A commit that is synced costs some publishes, 20 ms with a server nearby, so
// only in the long mode all are committed and synced one by one.
func TestSQLite(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t))
	synced, loose := "200", "1000"
	if modeltest.Long() {
		synced, loose = "10000", "10000"
	}
	m.sh(`
		insert() { seq $1 $2 | sed "s/.*/insert into t values (&, 'row & of a table');/"; }
		sound() { test "$(sqlite3 $MNT/a.db 'pragma integrity_check; select count(*) from t')" = "$(printf "ok\n$1")"; }
		sqlite3 $MNT/a.db 'pragma journal_mode=delete; create table t (n integer primary key, s text)'
		insert 1 $SYNCED | sqlite3 $MNT/a.db
		sound $SYNCED
		(echo 'pragma synchronous=off;'; insert $((SYNCED + 1)) $LOOSE) | sqlite3 $MNT/a.db
		sound $LOOSE
		for first in $(seq $((LOOSE + 1)) 1000 10000); do
			(echo 'begin;'; insert $first $((first + 999)); echo 'commit;') | sqlite3 $MNT/a.db
		done
		sound 10000
		sqlite3 $MNT/a.db 'update t set s = upper(s) where n % 7 = 0; delete from t where n % 11 = 0; vacuum;'
		sound 9091
	`, "SYNCED="+synced, "LOOSE="+loose)
	m.local("a.db", m.object("a.db"))
	m.sh(`test "$(sqlite3 a.db 'pragma integrity_check; select count(*), sum(n) from t')" = "$(printf "ok\n9091|45455455")"; test "$(ls $MNT)" = a.db`)
}
