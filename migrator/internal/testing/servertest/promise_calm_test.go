package servertest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
)

// busy has three tables, each of which an idle transaction has read.
func busy(t *testing.T, tables ...string) (url string, release func(table string)) {
	t.Helper()
	url = newDatabase(t)
	readers := map[string]*pgx.Conn{}
	for _, table := range tables {
		execute(t, url, "create table "+table+" (id int)")
		readers[table] = connect(t, url)
		_, err := readers[table].Exec(t.Context(), "set application_name = 'report'; begin; select count(*) from "+table)
		require.NoError(t, err)
	}
	var using sync.Mutex // a test may end when its reader has released what it waits for, and knows nothing of it yet
	t.Cleanup(func() {
		using.Lock()
		defer using.Unlock()
		for _, reader := range readers {
			_ = reader.Close(context.Background())
		}
	})
	return url, func(table string) {
		using.Lock()
		defer using.Unlock()
		_, err := readers[table].Exec(context.Background(), "commit")
		require.NoError(t, err)
	}
}

func TestPromise6NobodyQueuesBehindALockThatAFileWaitsFor(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	url, release := busy(t, "a", "b")
	var seen recorder
	config := migrator.Config{LockTimeout: 3 * time.Second, Observe: seen.observe}
	// It gets a shortly before the time is over and then waits for b while it holds a: PostgreSQL's lock_timeout, which
	// counts each wait alone, would let the readers of a wait for almost six seconds.
	m := open(t, url, files("001_alter.sql", "alter table a add x int;\nalter table b add x int;\n"), config)
	var group errgroup.Group
	group.Go(func() error {
		_, err := m.Run(patience(t), migrator.Up())
		return err
	})
	time.AfterFunc(2500*time.Millisecond, func() { release("a") })
	reader := connect(t, url)
	defer reader.Close(context.Background())
	var longest time.Duration
	for began := time.Now(); time.Since(began) < 7*time.Second; time.Sleep(20 * time.Millisecond) {
		asked := time.Now()
		_, err := reader.Exec(t.Context(), "select count(*) from a")
		require.NoError(t, err)
		longest = max(longest, time.Since(asked))
	}
	release("b")
	require.NoError(t, group.Wait())
	require.Less(t, longest, 4500*time.Millisecond)
	require.Greater(t, longest, time.Second, "the readers did meet the migration")
	blocked := seen.of(migrator.EventBlocked)
	require.NotEmpty(t, blocked)
	require.Equal(t, "report", blocked[0].Backends[0].Application)
	require.Equal(t, "idle in transaction", blocked[0].Backends[0].State)
	retrying := seen.of(migrator.EventRetrying)
	require.NotEmpty(t, retrying)
	require.ErrorContains(t, retrying[0].Err, "gave up after waiting 3s for locks, all waits of the file together")
	require.NotContains(t, retrying[0].Err.Error(), "user request", "it was our own")
}

func TestAFileThatNeverGetsItsLockSaysWhoHeldIt(t *testing.T) {
	t.Parallel()
	url, _ := busy(t, "a")
	config := migrator.Config{LockTimeout: time.Second, RetryFor: 3 * time.Second}
	results, err := open(t, url, files("001_alter.sql", "-- it waits for a\nalter table a add x int;\n"), config).Run(patience(t), migrator.Up())
	require.Empty(t, results)
	var failed *migrator.MigrationError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, 2, failed.Line)
	require.NotEmpty(t, failed.Blockers)
	require.Equal(t, "report", failed.Blockers[0].Application)
	require.ErrorContains(t, err, "BLOCKED BY: pid")
	require.ErrorContains(t, err, "rolled back; nothing of this file was applied")
}

// TestWhoIsInTheWayIsNamedWhereAConnectionTakesLongerThanTheLimit: the first try is over before anybody looks.
func TestWhoIsInTheWayIsNamedWhereAConnectionTakesLongerThanTheLimit(t *testing.T) {
	t.Parallel()
	url, release := busy(t, "a")
	proxy := pgproxy.Start(t, url)
	proxy.Latency(50 * time.Millisecond)
	var named atomic.Bool
	ended := inBackground(t, open(t, proxy.URL(), files("001_alter.sql", "alter table a add x int"), migrator.Config{LockTimeout: 120 * time.Millisecond, Observe: func(e migrator.Event) {
		if e.Kind == migrator.EventRetrying && len(e.Backends) > 0 && named.CompareAndSwap(false, true) {
			release("a")
		}
	}}))
	run := <-ended
	require.NoError(t, run.err)
	require.True(t, named.Load())
}

func TestTheHeaderOfAFileSetsItsLockTimeout(t *testing.T) {
	t.Parallel()
	url, release := busy(t, "a")
	config := migrator.Config{LockTimeout: 50 * time.Millisecond, RetryFor: -1}
	time.AfterFunc(time.Second, func() { release("a") })
	_, err := open(t, url, files("001_alter.sql", "-- migrator: lock-timeout=30s\nalter table a add x int;\n"), config).Run(patience(t), migrator.Up())
	require.NoError(t, err)
}

func TestPromise7NothingLeaksFromOneFileToTheNext(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	fsys := files(
		"001_leave.sql", `
create schema elsewhere;
set search_path = elsewhere;
set statement_timeout = '1min';
set lock_timeout = '1min';
set role pg_read_all_data;
reset role;
create temp table left_behind (id int);
prepare left_behind as select 1;
declare left_behind cursor with hold for select * from left_behind;
fetch left_behind;
listen left_behind;
select pg_advisory_lock(4711);
`,
		"002_find.sql", `
create table found as select
	current_setting('search_path') || ' ' || current_setting('statement_timeout') || ' ' || current_user as settings,
	to_regclass('left_behind') is not null as temp_table,
	(select count(*) from pg_prepared_statements) as prepared,
	(select count(*) from pg_cursors where name = 'left_behind') as cursors,
	(select count(*) from pg_listening_channels()) as channels,
	(select count(*) from pg_locks where locktype = 'advisory' and objid = 4711) as locks;
`)
	execute(t, url, "alter database \""+database(t, url)+"\" set search_path = public")
	_, err := open(t, url, fsys, migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	user := query(t, url, "select current_user::text")[0]
	require.Equal(t, []string{"public 0 " + user + " false 0 0 0 0"}, query(t, url,
		"select concat_ws(' ', settings, temp_table::text, prepared, cursors, channels, locks) from public.found"))
}

func TestPromise7NothingLeaksFromAFileThatFailed(t *testing.T) {
	t.Parallel()
	url, _ := busy(t, "a")
	// What a rollback does not undo must not meet the second try, which would then fail on the prepared statement.
	fsys := files("001_prepare.sql", "prepare left_behind as select 1;\nselect pg_advisory_lock(4712);\nalter table a add x int;\n")
	_, err := open(t, url, fsys, migrator.Config{LockTimeout: 100 * time.Millisecond, RetryFor: time.Second}).Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, "canceling statement due to")
	require.NotContains(t, err.Error(), "already exists")
}

func TestPromise9AnOldBinaryStartsOnANewerDatabase(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	_, err := open(t, url, ledgerFiles(5), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	var seen recorder
	old := open(t, url, ledgerFiles(3), migrator.Config{Observe: seen.observe})
	results, err := old.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Empty(t, results)
	require.Empty(t, seen.of(migrator.EventWarning))
	statuses, err := old.Status(patience(t))
	require.NoError(t, err)
	require.Equal(t, migrator.StateNewer, statuses[4].State)
}

func TestPromise10NothingPendingCostsOneRoundTripAndTakesNoLock(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	proxy := pgproxy.Start(t, url)
	m := open(t, proxy.URL(), ledgerFiles(50), migrator.Config{})
	_, err := m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	proxy.Reset()
	_, err = m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Equal(t, 1, proxy.Flights().Queries, "%v", proxy.Messages())
	require.Len(t, proxy.Flights().Connections, 1)
	for _, message := range proxy.Messages() {
		require.NotContains(t, message.SQL, "advisory")
	}
}
