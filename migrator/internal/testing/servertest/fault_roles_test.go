package servertest

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
)

// role makes a role that may create in schema public, and returns the database's URL for it. $role in the statements
// that follow is its name.
func role(t *testing.T, database, options string, statements ...string) string {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	name := "role_" + strings.TrimPrefix(u.Path, "/")
	for _, sql := range append([]string{"create role $role login password 'role' " + options, "grant create on schema public to $role"}, statements...) {
		execute(t, database, strings.ReplaceAll(sql, "$role", name))
	}
	t.Cleanup(func() { execute(t, database, "drop owned by "+name+" cascade; drop role "+name) })
	u.User = url.UserPassword(name, "role")
	return u.String()
}

// narrow is a role that may have one connection.
func narrow(t *testing.T, database string) string {
	t.Helper()
	return role(t, database, "connection limit 1")
}

// serverVersion is the major version of the server.
func serverVersion(t *testing.T, database string) int {
	t.Helper()
	version, err := strconv.Atoi(query(t, database, "select current_setting('server_version_num')")[0])
	require.NoError(t, err)
	return version / 10000
}

// TestNoSettingOfARoleDisturbsTwoRuns: a role has limits that are meant for an application, and a run outlasts them:
// while a file works, while it waits for another runner's row, and while the other run waits for the lock.
func TestNoSettingOfARoleDisturbsTwoRuns(t *testing.T) {
	t.Parallel()
	limits := []string{"statement_timeout = 250", "lock_timeout = 250", "idle_in_transaction_session_timeout = 20"} // shorter than the watch's pauses
	if serverVersion(t, newDatabase(t)) >= 17 {
		limits = append(limits, "transaction_timeout = 250")
	}
	for _, test := range []struct {
		name        string
		settings    []string
		connections int // of a run
	}{
		{"limits", limits, 2},
		{"repeatable read", []string{"default_transaction_isolation = 'repeatable read'"}, 2},
		{"serializable", []string{"default_transaction_isolation = 'serializable'", "default_transaction_deferrable = on"}, 2},
		{"text", []string{"client_encoding = 'LATIN1'", "datestyle = 'German'", "standard_conforming_strings = off"}, 4}, // what strings are is learned by connecting
	} {
		for _, mode := range modes {
			t.Run(test.name+"/"+mode.name, func(t *testing.T) {
				t.Parallel()
				database := newDatabase(t)
				var statements []string
				for _, setting := range test.settings {
					statements = append(statements, "alter role $role set "+setting)
				}
				proxy := pgproxy.Start(t, role(t, database, "", statements...))
				fsys := ledgerFiles(3)
				fsys["004_slow.sql"] = files("x", `insert into ledger select 4 from pg_sleep(1) where 'é\' = U&'\00E9\005C';`)["x"]
				_, err := open(t, proxy.URL(), ledgerFiles(1), mode.config).Run(patience(t), migrator.Up())
				require.NoError(t, err)
				proxy.Reset()
				hold(t, database, time.Second, "insert into schema_migrations (version) values ('002_file.sql')")
				var seen recorder
				config := mode.config
				config.Observe = seen.observe
				atOnceApply(t, 2, 3, func() *migrator.Migrator { return open(t, proxy.URL(), fsys, config) })
				require.Empty(t, seen.of(migrator.EventRetrying))
				require.Equal(t, []string{"1", "2", "3", "4"}, query(t, database, "select file::text from ledger order by 1"))
				require.LessOrEqual(t, len(proxy.Flights().Connections), 2*test.connections, "none was lost")
			})
		}
	}
}

// TestNoLimitOfARoleEndsTheReadingOfALockedHistory: a file of another tool, or a person, holds the table for a while.
func TestNoLimitOfARoleEndsTheReadingOfALockedHistory(t *testing.T) {
	t.Parallel()
	database := newDatabase(t)
	limits := []string{"alter role $role set statement_timeout = 250", "alter role $role set lock_timeout = 250"}
	if serverVersion(t, database) >= 17 {
		limits = append(limits, "alter role $role set transaction_timeout = 250")
	}
	url := role(t, database, "", limits...)
	_, err := open(t, url, ledgerFiles(1), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	hold(t, database, time.Second, "lock table schema_migrations")
	var seen recorder
	_, err = open(t, url, ledgerFiles(2), migrator.Config{Observe: seen.observe}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Empty(t, seen.of(migrator.EventReconnecting))
	require.Equal(t, ledgerState(2), state(t, database))
}

// hold is somebody else's transaction, which is rolled back after a while.
func hold(t *testing.T, database string, d time.Duration, sql string) {
	t.Helper()
	other := connect(t, database)
	_, err := other.Exec(t.Context(), "begin; "+sql)
	require.NoError(t, err)
	over := make(chan struct{})
	time.AfterFunc(d, func() {
		defer close(over)
		_ = other.Close(context.Background())
	})
	t.Cleanup(func() { <-over })
}

// atOnceApply runs at once; all succeed, and together they apply so many files.
func atOnceApply(t *testing.T, runs, want int, open func() *migrator.Migrator) {
	t.Helper()
	var group errgroup.Group
	var mu sync.Mutex
	total := 0
	for range runs {
		m := open()
		group.Go(func() error {
			results, err := m.Run(patience(t), migrator.Up())
			mu.Lock()
			defer mu.Unlock()
			total += len(results)
			return err
		})
	}
	require.NoError(t, group.Wait())
	require.Equal(t, want, total)
}

func TestAReadOnlyRoleIsToldSoWhereThereIsWorkAndPassesWhereThereIsNone(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		database := newDatabase(t)
		reader := role(t, database, "", "alter role $role set default_transaction_read_only = on")
		for _, pending := range []int{2, 3} {
			_, err := open(t, reader, ledgerFiles(pending), mode.config).Run(patience(t), migrator.Up())
			require.ErrorContains(t, err, "read-only transaction (SQLSTATE 25006)")
			require.ErrorContains(t, err, "HINT: default_transaction_read_only is on for this role or database, or the connection: alter role … set default_transaction_read_only = off")
			_, err = open(t, database, ledgerFiles(2), mode.config).Run(patience(t), migrator.Up())
			require.NoError(t, err)
			execute(t, database, "grant select on schema_migrations to public")
			atOnceApply(t, 2, 0, func() *migrator.Migrator { return open(t, reader, ledgerFiles(2), mode.config) })
			require.Equal(t, ledgerState(2), state(t, database))
		}
	}
}

// TestEveryPermissionThatIsMissingIsToldAsAGrant runs, grants what the error asks for, and runs again until it succeeds.
func TestEveryPermissionThatIsMissingIsToldAsAGrant(t *testing.T) {
	t.Parallel()
	database := newDatabase(t)
	poor := role(t, database, "", "revoke create on schema public from public, $role")
	var granted []string
	for len(granted) < 2 {
		_, err := open(t, poor, files("001_nothing.sql", "select 1;\n"), migrator.Config{}).Run(patience(t), migrator.Up())
		require.ErrorContains(t, err, "permission denied")
		_, grant, told := strings.Cut(err.Error(), "HINT: ")
		require.True(t, told, err)
		grant, _, _ = strings.Cut(grant, "\n")
		require.Regexp(t, "^grant ", grant)
		execute(t, database, grant)
		if granted = append(granted, grant); len(granted) == 1 { // somebody else makes the table
			_, err := open(t, database, files(), migrator.Config{}).Run(patience(t), migrator.Up())
			require.NoError(t, err)
		}
	}
	results, err := open(t, poor, files("001_nothing.sql", "select 1;\n"), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err, "%q", granted)
	require.Len(t, results, 1)
}

func TestASearchPathThatLeadsNowhereIsToldAndANamedTableDoesNotNeedOne(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"empty": "''", "missing": "nowhere", "system": "pg_catalog"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := newDatabase(t)
			lost := role(t, database, "", "alter role $role set search_path = "+path)
			fsys := files("001_a.sql", "create table public.a ();\n", "002_b.sql", "create table public.b ();\n")
			for range 2 {
				_, err := open(t, lost, fsys, migrator.Config{}).Run(patience(t), migrator.Up())
				var history *migrator.HistoryError
				require.ErrorAs(t, err, &history)
				require.ErrorContains(t, err, "the search_path of the connection begins with no schema to keep it in\nHINT: set the search_path")
				require.Equal(t, []string{"0"}, query(t, database, "select count(*)::text from pg_class where relnamespace = 'public'::regnamespace"))
			}
			config := migrator.Config{Table: "public.schema_migrations"}
			atOnceApply(t, 2, 2, func() *migrator.Migrator { return open(t, lost, fsys, config) })
			atOnceApply(t, 2, 0, func() *migrator.Migrator { return open(t, lost, fsys, config) })
		})
	}
}

// TestTheGrantThatIsToldIsForWhatIsMissing: in the schema of the history, not the connection's own, and for the table that the
// statement is about.
func TestTheGrantThatIsToldIsForWhatIsMissing(t *testing.T) {
	t.Parallel()
	database := newDatabase(t)
	poor := role(t, database, "", "create schema app", "grant usage on schema app to $role")
	config := migrator.Config{Table: "app.schema_migrations"}
	fsys := files("001_nothing.sql", "-- migrator: no-transaction\nselect 1;\nselect 2;\n")
	user := query(t, poor, "select current_user::text")[0]
	_, err := open(t, poor, fsys, config).Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, `HINT: grant create on schema "app" to "`+user+`"`, "to make the history")

	_, err = open(t, database, files(), config).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	execute(t, database, "grant select, insert, update, delete on app.schema_migrations to "+user)
	_, err = open(t, poor, fsys, config).Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, `HINT: grant create on schema "app" to "`+user+`"`, "to make the progress table")

	failing := files("001_nothing.sql", "-- migrator: no-transaction\nselect 1;\nselect 1/0;\n")
	_, err = open(t, database, failing, config).Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, "division by zero")
	execute(t, database, "grant create on schema app to "+user+"; grant select on app.schema_migrations_progress to "+user)
	_, err = open(t, poor, fsys, config).Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, `HINT: grant select, insert, update, delete on "app"."schema_migrations_progress" to "`+user+`"`)
}

func TestRowLevelSecurityThatMayHideRowsIsRefused(t *testing.T) {
	t.Parallel()
	database := newDatabase(t)
	_, err := open(t, database, ledgerFiles(2), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	hidden := role(t, database, "", "grant all on all tables in schema public to $role", "alter table schema_migrations enable row level security")
	for name, ask := range map[string]func(*migrator.Migrator) error{
		"status": func(m *migrator.Migrator) error { _, err := m.Status(t.Context()); return err },
		"up":     func(m *migrator.Migrator) error { _, err := m.Run(patience(t), migrator.Up()); return err },
	} {
		var refused *migrator.HistoryError
		require.ErrorAs(t, ask(open(t, hidden, ledgerFiles(2), migrator.Config{})), &refused, name)
		require.Contains(t, refused.Message, "row level security")
		require.NoError(t, ask(open(t, database, ledgerFiles(2), migrator.Config{})), "who is not subject to it is not refused")
	}
	require.Equal(t, ledgerState(2), state(t, database))
}

// TestSettingsThatChangeHowTheServerWritesDoNotMatter: quoted types, rounded numbers.
func TestSettingsThatChangeHowTheServerWritesDoNotMatter(t *testing.T) {
	t.Parallel()
	database := newDatabase(t)
	execute(t, database, "create table schema_migrations (version text primary key, applied_at timestamp default now(), checksum text)")
	odd := role(t, database, "", "alter role $role set quote_all_identifiers = on", "alter role $role set extra_float_digits = -15",
		"grant all on schema_migrations to $role")
	var seen recorder
	fsys := ledgerFiles(1)
	fsys["002_slow.sql"] = files("x", "select pg_sleep(1);\ninsert into ledger values (2);\n")["x"] // long enough to be watched
	_, err := open(t, odd, fsys, migrator.Config{Observe: seen.observe}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Empty(t, seen.of(migrator.EventWarning))
	require.Equal(t, []string{"1", "2"}, query(t, database, "select file::text from ledger order by 1"))
}
