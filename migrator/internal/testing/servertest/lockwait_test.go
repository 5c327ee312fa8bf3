package servertest

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/hook"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
)

// lockRows makes a table of rows, each of which a transaction has locked that is idle.
func lockRows(t *testing.T, rows int) (url string, release func(row int)) {
	t.Helper()
	url = newDatabase(t)
	execute(t, url, "create table busy (n int); create table r (n int primary key, v int); insert into r select g, 0 from generate_series(0, 9) g")
	holders := make([]*pgx.Conn, rows)
	for i := range holders {
		holders[i] = connect(t, url)
		t.Cleanup(func() { _ = holders[i].Close(context.Background()) })
		_, err := holders[i].Exec(t.Context(), "set application_name = 'batch'; begin")
		require.NoError(t, err)
		_, err = holders[i].Exec(t.Context(), "update r set v = 1 where n = $1", i)
		require.NoError(t, err)
	}
	return url, func(row int) {
		_, err := holders[row].Exec(context.Background(), "commit")
		require.NoError(t, err)
	}
}

// waitsForRow is true while a transaction waits for the end of another one.
const waitsForRow = "select (count(*) = 1)::text from pg_locks where locktype = 'transactionid' and not granted and pid in (select pid from pg_stat_activity where datname = current_database())"

// TestPromise6HoldsForRowsThatAFileWaitsForNext: each wait is below the limit, and who reads the table waits for their sum.
func TestPromise6HoldsForRowsThatAFileWaitsForNext(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	url, release := lockRows(t, 2)
	var seen recorder
	text := "alter table busy add x int;\nupdate r set v = 2 where n = 0;\nupdate r set v = 2 where n = 1;\n"
	ended := inBackground(t, open(t, url, files("001_alter.sql", text), migrator.Config{LockTimeout: 3 * time.Second, Observe: seen.observe}))
	waitFor(t, url, waitsForRow)
	time.Sleep(1500 * time.Millisecond)
	release(0)
	require.Eventually(t, func() bool { return len(seen.of(migrator.EventRetrying)) > 0 }, 10*time.Second, 10*time.Millisecond)
	release(1)
	require.NoError(t, (<-ended).err)
	var pg *pgconn.PgError
	require.ErrorAs(t, seen.of(migrator.EventRetrying)[0].Err, &pg)
	require.Equal(t, "57014", pg.Code, "the sum was over before PostgreSQL's own limit of one wait")
	blocked := seen.of(migrator.EventBlocked)
	require.NotEmpty(t, blocked)
	require.Equal(t, "batch", blocked[0].Backends[0].Application)
}

// TestEveryKindOfWaitIsNamed: also where nobody queues behind the file.
func TestEveryKindOfWaitIsNamed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, hold, file string }{
		{"a row", "update r set v = 1 where n = 9", "update r set v = 2 where n = 9"},
		{"a key", "insert into r values (100)", "insert into r values (100) on conflict do nothing"},
		{"an advisory lock", "select pg_advisory_xact_lock(4715)", "select pg_advisory_xact_lock(4715)"},
		{"a row that is shared", "delete from r where n = 9", "select from r where n = 9 for share"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url, _ := lockRows(t, 0)
			holder := connect(t, url)
			defer holder.Close(context.Background())
			_, err := holder.Exec(t.Context(), "set application_name = 'holder'; begin; "+test.hold)
			require.NoError(t, err)
			named := make(chan migrator.Event, 100)
			ended := inBackground(t, open(t, url, files("001_a.sql", test.file+";\n"), migrator.Config{LockTimeout: 20 * time.Second, Observe: func(e migrator.Event) {
				if e.Kind == migrator.EventBlocked {
					named <- e
				}
			}}))
			select {
			case e := <-named:
				require.Equal(t, "holder", e.Backends[0].Application)
				require.GreaterOrEqual(t, e.Elapsed, 900*time.Millisecond, "a short wait is not worth a line")
			case run := <-ended:
				require.FailNow(t, "nobody was named", "%v", run.err)
			}
			require.NoError(t, holder.Close(context.Background()))
			require.NoError(t, (<-ended).err)
		})
	}
}

// TestAWaitCountsWhereTheWorkerKeepsReadersOrWritersAway asks of a transaction that waits for an advisory lock.
func TestAWaitCountsWhereTheWorkerKeepsReadersOrWritersAway(t *testing.T) {
	t.Parallel()
	cases := map[string]bool{}
	for _, held := range []string{
		"create index on r (v)", "create table fresh (n int references r)", "alter table r add x int", "truncate r", "drop table r", "drop schema other",
		"alter table r rename to fresh; create table r (n int)",
	} {
		cases[held] = true
	}
	for _, held := range []string{
		"select 1", "update r set v = 1", "create table fresh (n int primary key)", "create schema fresh", "lock table r in share update exclusive mode",
		"analyze r", "alter table r validate constraint positive",
	} {
		cases[held] = false
	}
	for held, counts := range cases {
		t.Run(held, func(t *testing.T) {
			t.Parallel()
			url, _ := lockRows(t, 0)
			execute(t, url, "create schema other; alter table r add constraint positive check (n >= 0) not valid")
			holder, worker, watch := connect(t, url), connect(t, url), connect(t, url)
			for _, conn := range []*pgx.Conn{watch, worker, holder} {
				defer conn.Close(context.Background())
			}
			_, err := holder.Exec(t.Context(), "select pg_advisory_lock(4716)")
			require.NoError(t, err)
			waited := make(chan error, 1)
			go func() {
				_, err := worker.Exec(context.Background(), "begin; "+held+"; select pg_advisory_lock(4716); rollback")
				waited <- err
			}()
			require.Eventually(t, func() bool {
				rows, err := watch.Query(context.Background(), hook.ObservationSQL(worker.PgConn().PID()))
				require.NoError(t, err)
				type row struct {
					Application string
					Since       *time.Time
					Waited      *float64
					Transaction *string
					Blocks      bool
				}
				seen, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[row])
				require.NoError(t, err)
				if seen.Since == nil {
					return false
				}
				require.NotEmpty(t, *seen.Transaction)
				require.Equal(t, counts, seen.Blocks)
				return true
			}, 10*time.Second, 10*time.Millisecond)
			require.NoError(t, holder.Close(context.Background()))
			require.NoError(t, <-waited)
		})
	}
}
