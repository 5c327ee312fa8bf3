package check_test

import (
	"context"
	"os"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/check"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

func TestMain(m *testing.M) { os.Exit(migratortest.Main(m)) }

// load makes migrations of names and texts in turn.
func load(tb testing.TB, namesAndTexts ...string) []migrator.Migration {
	tb.Helper()
	fsys := fstest.MapFS{}
	for i := 0; i < len(namesAndTexts); i += 2 {
		fsys[namesAndTexts[i]] = &fstest.MapFile{Data: []byte(namesAndTexts[i+1])}
	}
	migrations, err := migrator.Load(fsys)
	if len(fsys) == 0 {
		require.ErrorIs(tb, err, migrator.ErrNoMigrations)
	} else {
		require.NoError(tb, err)
	}
	return migrations
}

// parse is the configuration of a database.
func parse(tb testing.TB, url string) *pgx.ConnConfig {
	tb.Helper()
	config, err := pgx.ParseConfig(url)
	require.NoError(tb, err)
	return config
}

// connect opens a connection that ends with the test.
func connect(tb testing.TB, config *pgx.ConnConfig) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.ConnectConfig(context.Background(), config)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// downs tries migrations that can all be applied.
func downs(tb testing.TB, namesAndTexts ...string) []check.Report {
	tb.Helper()
	reports, err := check.Downs(tb.Context(), parse(tb, migratortest.Database(tb)), load(tb, namesAndTexts...), check.Options{})
	require.NoError(tb, err)
	return reports
}
