package cli_test

import (
	"context"
	"os/exec"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

// usersFiles are a table with a duplicate, or without one, and a file without a transaction that makes it unique.
func usersFiles(second string) fstest.MapFS {
	return fstest.MapFS{
		"001_users.sql": {Data: []byte("create schema app;\ncreate table app.users (id int, email text);\ncreate index users_id on app.users (id);\ninsert into app.users values (1, 'a'), (2, '" + second + "');\n")},
		"002_unique.sql": {Data: []byte(`-- migrator: no-transaction
set search_path = app;
insert into users values (3, ':once');
create unique index concurrently if not exists "Users_Email" on users (email) where email <> all ((array['q', ':id'])[1:id]) -- :id
;
reindex (concurrently) table users;
insert into users values (4, 'end');
drop index concurrently users_id;
vacuum users`)},
		"003_after.sql": {Data: []byte("create table after (id int);\n")},
	}
}

// users is what usersFiles change beyond the schema that catalog shows, and what is recorded of them.
func users(t *testing.T, url string) []string {
	t.Helper()
	conn := dbtest.Connect(t, url)
	defer conn.Close(context.Background())
	require.Eventually(t, func() bool { // a backend whose client is gone takes a moment to end, and has its locks until then
		var alone bool
		require.NoError(t, conn.QueryRow(t.Context(), "select count(*) = 1 from pg_stat_activity where datname = current_database() and backend_type = 'client backend'").Scan(&alone))
		return alone
	}, 30*time.Second, 10*time.Millisecond, "somebody else stays connected")
	var progress bool
	require.NoError(t, conn.QueryRow(t.Context(), "select to_regclass('schema_migrations_progress') is not null").Scan(&progress))
	query := `
select concat_ws(' ', id, email) from app.users
union all select concat_ws(' ', indexrelid::regclass::text, case when indisvalid then 'valid' else 'invalid' end) from pg_index where indrelid = 'app.users'::regclass
union all select 'locked' from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`
	if progress {
		query += "\nunion all select concat_ws(' ', version, direction, done, left(array_to_string(hashes, ' '), 8), left(started, 26)) from schema_migrations_progress"
	}
	return append(dbtest.Rows(t, conn, query+"\norder by 1"), catalog(t, url))
}

func TestDryRunOfAFileWithoutATransactionDoesWhatUpDoes(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	psql := findPsql(t)
	applied, piped := migratortest.Database(t), migratortest.Database(t)
	files := usersFiles("b")
	_, err := migrate(t, files, "up", "--database-url", applied)
	require.NoError(t, err)
	script, err := migrate(t, files, "up", "--dry-run", "--database-url", piped)
	require.NoError(t, err)
	require.Empty(t, catalog(t, piped), "a dry run changes nothing")

	out, err := runPsql(psql, piped, script, "-v", "once=1", "-v", "id=999")
	require.NoError(t, err, out)
	want := users(t, applied)
	require.Equal(t, []string{"1 a", "2 b", "3 :once", "4 end", `app."Users_Email" valid`}, want[:5])
	require.NotContains(t, want, "locked")
	require.Equal(t, want, users(t, piped))
}

func TestDryRunOfAFileWithoutATransactionStopsAtAFailureAsUpDoes(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	psql := findPsql(t)
	applied, piped := migratortest.Database(t), migratortest.Database(t)
	files := usersFiles("b")
	files["002_unique.sql"].Data = []byte("-- migrator: no-transaction\ninsert into app.users values (3, 'once');\nset search_path = app;\ninsert into users values (1 / 0, 'never');\nvacuum users;\n")
	script, err := migrate(t, files, "up", "--dry-run", "--database-url", piped)
	require.NoError(t, err)
	_, err = migrate(t, files, "up", "--database-url", applied)
	require.ErrorContains(t, err, "002_unique.sql:4:1: division by zero")
	require.ErrorContains(t, err, "STATE: statement 1 is applied; the next run goes on at statement 2 of 3 (line 4)")

	stopped(t, psql, piped, script, "division by zero")
	want := users(t, applied)
	require.Equal(t, []string{"002_unique.sql up 1 ", "1 a", "2 b", "3 once"}, []string{want[0][:20], want[1], want[2], want[3]})
	require.Equal(t, want, users(t, piped))

	files["002_unique.sql"].Data = []byte("-- migrator: no-transaction\ninsert into app.users values (3, 'once');\ninsert into app.users values (4, 'mended');\n")
	_, err = migrate(t, files, "up", "--database-url", applied)
	require.NoError(t, err)
	script, err = migrate(t, files, "up", "--dry-run", "--database-url", piped)
	require.NoError(t, err)
	out, err := runPsql(psql, piped, script)
	require.NoError(t, err, out)
	require.Equal(t, users(t, applied), users(t, piped), "the script goes on where the other one stopped")
}

// psql cannot look what is left of an index that failed, so its script leaves the settling to the next run.
func TestAnIndexThatFailedInPsqlIsSettledByTheNextRun(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	psql := findPsql(t)
	applied, piped := migratortest.Database(t), migratortest.Database(t)
	files := usersFiles("a")
	script, err := migrate(t, files, "up", "--dry-run", "--database-url", piped)
	require.NoError(t, err)
	_, err = migrate(t, files, "up", "--database-url", applied)
	require.ErrorContains(t, err, `002_unique.sql:4:1: could not create unique index "Users_Email"`)

	stopped(t, psql, piped, script, `could not create unique index "Users_Email"`)
	left := users(t, piped)
	require.Contains(t, left, `app."Users_Email" invalid`)
	require.NotContains(t, users(t, applied), `app."Users_Email" invalid`)

	script, err = migrate(t, files, "up", "--dry-run", "--database-url", piped)
	require.NoError(t, err)
	stopped(t, psql, piped, script, "a statement was begun whose end is not recorded")
	require.Equal(t, left, users(t, piped), "psql must not go on over what is in doubt")

	for _, url := range []string{applied, piped} {
		dbtest.Execute(t, url, "update app.users set email = 'b' where id = 2")
		_, err := migrate(t, files, "up", "--database-url", url)
		require.NoError(t, err)
	}
	require.Equal(t, users(t, applied), users(t, piped))
}

// stopped requires that psql ends with the error.
func stopped(t *testing.T, psql, url, script, message string) {
	t.Helper()
	out, err := runPsql(psql, url, script)
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, out)
	require.Equal(t, 3, exit.ExitCode(), "psql ends with 3 for an error in a script")
	require.Contains(t, out, message)
}
