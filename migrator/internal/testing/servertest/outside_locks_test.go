package servertest

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// locked has what each of the statements below is about.
const lockedTables = partitions + `; create table r (n int primary key, v int); insert into r values (1, 1); create index r_v on r (v); alter table r cluster on r_pkey;
	create index p_i on p (i)`

// TestWhatKeepsNobodyAwayWaitsAsLongAsItTakes: far beyond the lock timeout, while others read and write the table.
func TestWhatKeepsNobodyAwayWaitsAsLongAsItTakes(t *testing.T) {
	t.Parallel()
	for statement, holder := range map[string]string{
		"create index concurrently r_v2 on r (v)":        "update r set v = 2",
		"drop index concurrently r_v":                    "select * from r",
		"reindex table concurrently r":                   "select * from r",
		"reindex (concurrently) index r_v":               "select * from r",
		"vacuum r":                                       "lock table r in share update exclusive mode",
		"vacuum (full off, analyze) r":                   "lock table r in share update exclusive mode",
		"alter table p detach partition p1 concurrently": "select * from p where i = 15",
	} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			execute(t, url, lockedTables)
			release := holds(t, url, "begin; "+holder)
			var seen recorder
			observe, blocked := told(&seen, migrator.EventBlocked)
			ended := inBackground(t, open(t, url, files("001_a.sql", "-- migrator: no-transaction\n"+statement+";\n"), migrator.Config{LockTimeout: 200 * time.Millisecond, Observe: observe}))
			require.Equal(t, "holder", next(t, blocked, lasting).Backends[0].Application)
			execute(t, url, "set lock_timeout = '5s'; insert into r values (2, 2); insert into p1 values (2); insert into p values (12); select * from r, p, p1")
			release()
			require.NoError(t, (<-ended).err)
			require.Empty(t, seen.of(migrator.EventRetrying))
		})
	}
}

// TestWhatKeepsOthersAwayGivesUpAtTheLimit and is tried again.
func TestWhatKeepsOthersAwayGivesUpAtTheLimit(t *testing.T) {
	t.Parallel()
	for statement, holder := range map[string]string{
		"vacuum full r":         "select * from r",
		"vacuum (full) r":       "select * from r",
		"cluster":               "select * from r",
		"reindex schema public": "update r set v = 2",
		"reindex table p":       "insert into p2 values (11)",
	} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			execute(t, url, lockedTables)
			release := holds(t, url, "begin; "+holder)
			var seen recorder
			observe, retries := told(&seen, migrator.EventRetrying)
			ended := inBackground(t, open(t, url, files("001_a.sql", "-- migrator: no-transaction\n"+statement+";\n"), migrator.Config{LockTimeout: 200 * time.Millisecond, Observe: observe}))
			require.Equal(t, "holder", next(t, retries, func(e migrator.Event) bool { return len(e.Backends) > 0 }).Backends[0].Application)
			release()
			require.NoError(t, (<-ended).err)
		})
	}
}

// TestAProcedureThatCommitsWaitsNoLongerThanTheLimitInEachTransaction: of each the locks are gone when it ends.
func TestAProcedureThatCommitsWaitsNoLongerThanTheLimitInEachTransaction(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	execute(t, url, "create table a (n int); create table b (n int)")
	holders := map[string]*pgx.Conn{}
	for _, table := range []string{"a", "b"} {
		holders[table] = connect(t, url)
		defer holders[table].Close(context.Background())
		_, err := holders[table].Exec(t.Context(), "begin; select * from "+table)
		require.NoError(t, err)
	}
	text := "-- migrator: no-transaction\ndo $$begin commit; lock table a; commit; lock table b; commit; end$$;\n"
	ended := inBackground(t, open(t, url, files("001_a.sql", text), migrator.Config{LockTimeout: 3 * time.Second}))
	for _, table := range []string{"a", "b"} {
		waitFor(t, url, "select (count(*) = 1)::text from pg_locks where not granted and relation = '"+table+"'::regclass and database = (select oid from pg_database where datname = current_database())")
		time.Sleep(1800 * time.Millisecond) // twice that is more than the limit
		require.NoError(t, holders[table].Close(context.Background()))
	}
	require.NoError(t, (<-ended).err)
}
