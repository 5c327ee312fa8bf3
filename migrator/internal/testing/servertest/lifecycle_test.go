package servertest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
)

func database(tb testing.TB, url string) string {
	tb.Helper()
	config, err := pgx.ParseConfig(url)
	require.NoError(tb, err)
	return config.Database
}

func TestCancellingTheContextCancelsTheStatementOnTheServer(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	m := open(t, url, files("001_sleep.sql", "create table half ();\nselect pg_sleep(60);\n"), migrator.Config{})
	ended := make(chan error, 1)
	go func() {
		_, err := m.Run(ctx, migrator.Up())
		ended <- err
	}()
	waitFor(t, url, "select (count(*) = 1)::text from pg_stat_activity where application_name like 'migrator % 001_sleep.sql' and wait_event = 'PgSleep' and datname = current_database()")
	began := time.Now()
	cancel()
	err := <-ended
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "001_sleep.sql:2:1")
	require.ErrorContains(t, err, "STATE: rolled back; nothing of this file was applied")
	require.Less(t, time.Since(began), 20*time.Second)
	waitFor(t, url, "select (count(*) = 0)::text from pg_stat_activity where application_name like 'migrator %' and datname = current_database()")
	require.Less(t, time.Since(began), 30*time.Second, "the server has ended it, and not the statement itself")
	require.Equal(t, []string{"true"}, query(t, url, "select (to_regclass('half') is null)::text"))
}

func TestAReadingOfTheHistoryThatIsCancelledSaysSo(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	m := open(t, url, ledgerFiles(1), migrator.Config{})
	_, err := m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	holder := connect(t, url)
	defer holder.Close(context.Background())
	_, err = holder.Exec(t.Context(), "begin; lock table schema_migrations")
	require.NoError(t, err)
	for name, read := range map[string]func(context.Context) error{
		"up":     func(ctx context.Context) error { _, err := m.Run(ctx, migrator.Up()); return err },
		"down":   func(ctx context.Context) error { _, err := m.Run(ctx, migrator.Down(1)); return err },
		"status": func(ctx context.Context) error { _, err := m.Status(ctx); return err },
	} {
		ctx, cancel := context.WithTimeoutCause(patience(t), 300*time.Millisecond, errors.New("enough"))
		err := read(ctx)
		cancel()
		require.EqualError(t, err, "read history schema_migrations: enough", name)
	}
}

func TestAServerThatIsNotUpYetIsWaitedFor(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	proxy := pgproxy.Start(t, url)
	proxy.Refuse()
	var seen recorder
	m := open(t, proxy.URL(), ledgerFiles(2), migrator.Config{Observe: seen.observe})
	time.AfterFunc(time.Second, proxy.Accept)
	results, err := m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Len(t, results, 2)
	require.NotEmpty(t, seen.of(migrator.EventReconnecting))
}

func TestAServerThatStaysAwayIsAnError(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	_, err = open(t, "postgres://user:s3cret@"+address+"/db", ledgerFiles(1), migrator.Config{ReconnectFor: time.Second}).Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, "stayed away")
	require.NotContains(t, err.Error(), "s3cret")
}

func TestAWrongPasswordOrDatabaseIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	missing := strings.Replace(url, "/"+database(t, url), "/no_such_database", 1)
	began := time.Now()
	_, err := open(t, missing, ledgerFiles(1), migrator.Config{}).Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, "no_such_database")
	require.Less(t, time.Since(began), 30*time.Second)
}

func TestWaitForBoundsTheWaitAndNamesTheHolder(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	slow := open(t, url, files("001_sleep.sql", "select pg_sleep(60);\n"), migrator.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = slow.Run(ctx, migrator.Up())
	}()
	defer func() { cancel(); <-ended }()
	waitFor(t, url, "select (count(*) = 1)::text from pg_stat_activity where application_name like 'migrator % 001_sleep.sql' and datname = current_database()")
	var seen recorder
	_, err := open(t, url, ledgerFiles(1), migrator.Config{WaitFor: time.Second, Observe: seen.observe}).Run(patience(t), migrator.Up())
	var locked *migrator.LockedError
	require.ErrorAs(t, err, &locked)
	require.Contains(t, locked.Holder[0].Application, "001_sleep.sql")
	require.NotEmpty(t, seen.of(migrator.EventWaiting))
}

func TestTheHistoryOfAnotherToolIsRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, table, want string }{
		{"golang-migrate", "create table schema_migrations (version bigint primary key, dirty boolean not null)", "belongs to golang-migrate"},
		{"dbmate", "create table schema_migrations (version varchar primary key)", "belongs to dbmate or Rails"},
		{"goose", "create table goose_db_version (id int, version_id bigint, is_applied boolean, tstamp timestamp); insert into goose_db_version values (1, 0, true), (2, 7, true)", "goose has applied migrations here"},
		{"no key", "create table schema_migrations (version varchar(255), applied_at timestamp default now(), checksum varchar(64))", "no unique index on version"},
		{"another schema", "create schema app; create table app.schema_migrations (version varchar(255) primary key, applied_at timestamp default now(), checksum varchar(64)); insert into app.schema_migrations values ('001_ledger.sql')", "is empty, but app.schema_migrations records 001_ledger.sql"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			execute(t, url, test.table)
			_, err := open(t, url, ledgerFiles(1), migrator.Config{}).Run(patience(t), migrator.Up())
			var history *migrator.HistoryError
			require.ErrorAs(t, err, &history)
			require.ErrorContains(t, err, test.want)
			require.Equal(t, []string{"true"}, query(t, url, "select (to_regclass('ledger') is null)::text"))
		})
	}
}

func TestTheHistoryMayBeNamedWithItsSchema(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	execute(t, url, `create schema "App"`)
	config := migrator.Config{Table: "App.Versions"}
	_, err := open(t, url, ledgerFiles(2), config).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Equal(t, []string{"001_ledger.sql", "002_file.sql"}, query(t, url, `select version from "App"."Versions" order by 1`))
	results, err := open(t, url, ledgerFiles(2), config).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Empty(t, results)
}

func TestAFileThatDropsOrEmptiesTheHistoryChangesNothing(t *testing.T) {
	t.Parallel()
	for _, statement := range []string{
		"drop table schema_migrations", "delete from schema_migrations", "truncate schema_migrations",
		"drop schema public cascade; create schema public",
	} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			fsys := ledgerFiles(2)
			fsys["003_harm.sql"] = files("x", statement+";\n")["x"]
			_, err := open(t, url, fsys, migrator.Config{}).Run(patience(t), migrator.Up())
			require.ErrorContains(t, err, "003_harm.sql")
			require.ErrorContains(t, err, "rolled back; nothing of this file was applied")
			require.Equal(t, ledgerState(2), state(t, url))
		})
	}
}

func TestOneConnectionIsEnough(t *testing.T) {
	t.Parallel()
	fsys := ledgerFiles(3)
	fsys["002_file.sql"] = files("x", "insert into ledger select 2 from pg_sleep(1);\n")["x"] // long enough to be watched
	var seen recorder
	results, err := open(t, narrow(t, newDatabase(t)), fsys, migrator.Config{Observe: seen.observe}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Len(t, results, 3)
	require.Empty(t, seen.of(migrator.EventWarning))
}

// TestAFileThatIsNamedOtherwiseIsWatchedAllTheSame: what the worker is called is no sign of which it is.
func TestAFileThatIsNamedOtherwiseIsWatchedAllTheSame(t *testing.T) {
	t.Parallel()
	url, release := busy(t, "a")
	var seen recorder
	time.AfterFunc(2*time.Second, func() { release("a") })
	_, err := open(t, url, files("001_alter.sql", "set application_name = 'batch';\nalter table a add x int;\n"), migrator.Config{Observe: seen.observe}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.NotEmpty(t, seen.of(migrator.EventBlocked))
	require.Empty(t, seen.of(migrator.EventWarning))
}

func TestAFileThatLosesItsConnectionEachTimeIsGivenUpWithItsPlace(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	_, err := open(t, url, files("001_end.sql", "create table half ();\nselect pg_terminate_backend(pg_backend_pid());\n"), migrator.Config{}).Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, "001_end.sql:2:1: terminating connection due to administrator command")
	require.ErrorContains(t, err, "rolled back; nothing of this file was applied; the connection was lost 11 times")
}

func TestAPermissionThatIsMissingIsTold(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	role := "poor_" + database(t, url)
	execute(t, url, "create role "+role+" login password 'poor'; revoke create on schema public from public")
	t.Cleanup(func() { execute(t, url, "drop owned by "+role+"; drop role "+role) })
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	poor := fmt.Sprintf("postgres://%s:poor@%s/%s?sslmode=disable", role, net.JoinHostPort(config.Host, fmt.Sprint(config.Port)), config.Database)
	_, err = open(t, poor, ledgerFiles(1), migrator.Config{}).Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, "make the history table public.schema_migrations")
	require.ErrorContains(t, err, `HINT: grant create on schema "public" to "`+role+`"`)
}

func TestARolesLimitsDoNotMeetTheToolsOwnStatements(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	// In one message: the limits hold for the sessions that come after it.
	name := pgx.Identifier{database(t, url)}.Sanitize()
	execute(t, url, "alter database "+name+" set statement_timeout = 250; alter database "+name+" set lock_timeout = 250; alter database "+name+" set idle_in_transaction_session_timeout = 250")
	fsys := ledgerFiles(3)
	fsys["004_slow.sql"] = files("x", "select pg_sleep(1);\n")["x"]
	results, err := open(t, url, fsys, migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Len(t, results, 4)
}

func TestPromise8EveryErrorHasAPlaceOrSaysWhereItCameFrom(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, sql, want string }{
		{"at a position", "create table a (id int);\nselect 'é', wrong from a;\n", "001_a.sql:2:13: column \"wrong\" does not exist (SQLSTATE 42703)\n  2 | select 'é', wrong from a;\n    |             ^"},
		{"at run time", "create table a (id int);\ninsert into a\nselect 1/0;\n", "001_a.sql:2:1: division by zero (SQLSTATE 22012)\n  2 | insert into a\n    | ^"},
		{"at the end of the input", "select 1 +\n", "001_a.sql:1:10: syntax error at or near \";\""},
		{"in a block", "do $$ begin perform 1/0; end $$;\n", "001_a.sql:1:1: division by zero"},
		{"at the commit", "create table a (id int primary key);\ncreate table b (a int references a deferrable initially deferred);\ninsert into b values (1);\n", "HINT: this came when all statements of the file had run: a deferred constraint or trigger"},
		{"at the seal", "drop table schema_migrations;\n", "HINT: this came when the file was done and its row in public.schema_migrations was looked at"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, mode := range modes {
				_, err := open(t, newDatabase(t), files("001_a.sql", test.sql), mode.config).Run(patience(t), migrator.Up())
				require.ErrorContains(t, err, "001_a.sql")
				if test.name != "at the end of the input" || !mode.config.OneByOne { // there the server has no semicolon to name
					require.ErrorContains(t, err, test.want, mode.name)
				}
				require.ErrorContains(t, err, "STATE: rolled back; nothing of this file was applied", mode.name)
			}
		})
	}
}

func TestARunThatIsStoppedWhileItsServerIsAwaySaysThatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	proxy := pgproxy.Start(t, url)
	proxy.Cut(pgproxy.Cut{Match: pgproxy.Containing("create table ledger"), At: pgproxy.AfterForward, Kill: true})
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_, err := open(t, proxy.URL(), ledgerFiles(1), migrator.Config{}).Run(ctx, migrator.Up())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, migrator.ErrUnsettled)
	require.ErrorContains(t, err, "STATE: not known, the server could not be asked; run it again, the history decides")
}
