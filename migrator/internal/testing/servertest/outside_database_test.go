package servertest

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
)

// copyOf makes a file that copies a database, after a statement that takes long enough to be watched.
func copyOf(t *testing.T, url string) (copied, text string) {
	t.Helper()
	name := database(t, url)
	copied = name + " copy"
	t.Cleanup(func() { execute(t, url, "drop database if exists "+pgx.Identifier{copied}.Sanitize()) })
	return copied, "-- migrator: no-transaction\nselect pg_sleep(0.5);\ncreate database " + pgx.Identifier{copied}.Sanitize() + " template " + pgx.Identifier{name}.Sanitize() + ";\ncreate table after ();\n"
}

func TestTheDatabaseThatIsMigratedCanBeCopied(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	execute(t, url, "create table before ()")
	copied, text := copyOf(t, url)
	_, err := open(t, url, files("001_copy.sql", text), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Equal(t, []string{copied}, query(t, url, "select datname::text from pg_database where datname = '"+copied+"'"))
	require.Equal(t, []string{"true"}, query(t, url, "select (to_regclass('after') is not null)::text"))
}

func TestWhoKeepsADatabaseFromBeingCopiedIsNamed(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	_, text := copyOf(t, url)
	release := holds(t, url, "select 1")
	proxy := pgproxy.Start(t, url)
	m := open(t, proxy.URL(), files("001_copy.sql", text), migrator.Config{})
	_, err := m.Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, "001_copy.sql:3:1: source database")
	require.ErrorContains(t, err, `BLOCKED BY: pid`)
	require.ErrorContains(t, err, `application "holder"`)
	require.ErrorContains(t, err, "statement 1 is applied; the next run goes on at statement 2 of 3 (line 3)")
	used := 0
	for _, c := range proxy.Flights().Connections { // on a slow machine the second one may be given up before it is made
		if c.Queries > 0 {
			used++
		}
	}
	require.LessOrEqual(t, used, 2, "none is made while the statement waits for others to leave")
	release()
	_, err = m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
}
