package check_test

import (
	"context"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/check"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

func TestMain(m *testing.M) { os.Exit(migratortest.Main(m)) }

// load makes migrations of names and texts in turn.
func load(tb testing.TB, namesAndTexts ...string) []migrator.Migration {
	tb.Helper()
	return dbtest.Load(tb, dbtest.Files(namesAndTexts...))
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
	reports, err := check.Downs(tb.Context(), dbtest.Config(tb, migratortest.Database(tb)), load(tb, namesAndTexts...), check.Options{})
	require.NoError(tb, err)
	return reports
}
