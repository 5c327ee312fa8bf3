//go:build unix

package servertest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
)

// TestPreparedTransactionsThatBlockAreNamed: they have no session, so that nothing else leads to them. They survive the server.
func TestPreparedTransactionsThatBlockAreNamed(t *testing.T) {
	t.Parallel()
	s := startServer(t, map[string]string{"max_prepared_transactions": "10"})
	cases := []struct{ name, prepared, file string }{
		{"a table", "select * from r", "alter table r add x int;\n"},
		{"a row", "update r set v = 1 where n = 1", "update r set v = 2 where n = 1;\n"},
		{"a key", "savepoint a; insert into r values (2, 0)", "insert into r values (2, 0) on conflict do nothing;\n"},
		{"an index build", "insert into r values (3, 0)", "-- migrator: no-transaction\ncreate index concurrently r_v on r (v);\n"},
		{"the run lock", fmt.Sprintf("select pg_advisory_xact_lock_shared(%d)", history.Table{Schema: "public", Name: "schema_migrations"}.LockKey()), "select 1;\n"},
	}
	urls := make([]string, len(cases))
	for i, test := range cases {
		urls[i] = s.database(t, "prepared_"+string(rune('a'+i)))
		execute(t, urls[i], "create table r (n int primary key, v int); insert into r values (1, 0)")
		execute(t, urls[i], "begin; "+test.prepared+"; prepare transaction 'gid "+test.name+"'")
	}
	s.must(t, "restart", "-m", "fast")
	for i, test := range cases {
		var seen recorder
		released := false
		_, err := open(t, urls[i], files("001_a.sql", test.file), migrator.Config{LockTimeout: 2 * time.Second, Observe: func(e migrator.Event) {
			seen.observe(e)
			if (e.Kind == migrator.EventBlocked || e.Kind == migrator.EventWaiting) && !released {
				released = true
				execute(t, urls[i], "rollback prepared 'gid "+test.name+"'")
			}
		}}).Run(patience(t), migrator.Up())
		require.NoError(t, err)
		blocked := append(seen.of(migrator.EventBlocked), seen.of(migrator.EventWaiting)...)
		require.NotEmpty(t, blocked, test.name)
		require.Len(t, blocked[0].Backends, 1, test.name)
		require.Equal(t, "gid "+test.name, blocked[0].Backends[0].Prepared)
		require.NotEmpty(t, blocked[0].Backends[0].User)
		require.Positive(t, blocked[0].Backends[0].Age)
		require.Contains(t, blocked[0].Backends[0].String(), `prepared transaction "gid `+test.name+`", user `)
	}
}
