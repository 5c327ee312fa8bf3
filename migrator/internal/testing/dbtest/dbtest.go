// Package dbtest has what the tests of several packages do with a database: connect, ask, execute, and make files for it.
package dbtest

import (
	"context"
	"io/fs"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// Files makes migrations of names and texts in turn.
func Files(namesAndTexts ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i < len(namesAndTexts); i += 2 {
		fsys[namesAndTexts[i]] = &fstest.MapFile{Data: []byte(namesAndTexts[i+1])}
	}
	return fsys
}

// Load reads migrations, of which there may be none.
func Load(tb testing.TB, fsys fstest.MapFS) []migrator.Migration {
	tb.Helper()
	migrations, err := migrator.Load(fs.FS(fsys))
	if len(fsys) == 0 {
		require.ErrorIs(tb, err, migrator.ErrNoMigrations)
	} else {
		require.NoError(tb, err)
	}
	return migrations
}

// Config is that of a database.
func Config(tb testing.TB, url string) *pgx.ConnConfig {
	tb.Helper()
	config, err := pgx.ParseConfig(url)
	require.NoError(tb, err)
	return config
}

// Connect opens a connection that ends with the test, if it has not ended before.
func Connect(tb testing.TB, url string) *pgx.Conn {
	tb.Helper()
	conn := dial(tb, url)
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// dial does not take the test's context, since what a test cleans up may ask the database too.
func dial(tb testing.TB, url string) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	require.NoError(tb, err)
	return conn
}

// kept are connections of databases that a test looks at again and again.
var kept sync.Map

// Keep makes Query and Execute use one connection until the test ends; they must not be used at the same time then.
func Keep(tb testing.TB, url string) {
	tb.Helper()
	kept.Store(url, Connect(tb, url))
	tb.Cleanup(func() { kept.Delete(url) })
}

// borrow returns the connection that is kept for a database, or one of its own.
func borrow(tb testing.TB, url string) (conn *pgx.Conn, giveBack func()) {
	tb.Helper()
	if conn, found := kept.Load(url); found {
		return conn.(*pgx.Conn), func() {}
	}
	conn = dial(tb, url)
	return conn, func() { _ = conn.Close(context.Background()) }
}

// Query returns the rows of one column, as text.
func Query(tb testing.TB, url, sql string) []string {
	tb.Helper()
	conn, giveBack := borrow(tb, url)
	defer giveBack()
	return Rows(tb, conn, sql)
}

// Rows is Query on a connection.
func Rows(tb testing.TB, conn *pgx.Conn, sql string) []string {
	tb.Helper()
	rows, err := conn.Query(context.Background(), sql, pgx.QueryExecModeSimpleProtocol)
	require.NoError(tb, err)
	values, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(tb, err)
	return values
}

// Execute runs statements.
func Execute(tb testing.TB, url, sql string) {
	tb.Helper()
	conn, giveBack := borrow(tb, url)
	defer giveBack()
	Exec(tb, conn, sql)
}

// Exec is Execute on a connection.
func Exec(tb testing.TB, conn *pgx.Conn, sql string) {
	tb.Helper()
	_, err := conn.Exec(context.Background(), sql)
	require.NoError(tb, err)
}

// Slow leaves a test out with -short, and says so.
func Slow(tb testing.TB) {
	tb.Helper()
	if testing.Short() {
		tb.Skip("it takes long: run without -short")
	}
}

// Rounds is how many rounds of a loop to do: all of them, or a few with -short.
func Rounds(all, few int) int {
	if testing.Short() {
		return few
	}
	return all
}
