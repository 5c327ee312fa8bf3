package migratortest

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
)

func TestMain(m *testing.M) {
	if os.Getenv(withoutMain) != "" {
		os.Exit(m.Run())
	}
	os.Exit(Main(m))
}

func TestADatabaseIsEmptyAndOnlyForItsTest(t *testing.T) {
	t.Parallel()
	urls := map[string]bool{}
	for range 2 {
		url := Database(t)
		conn := dbtest.Connect(t, url)
		var tables int
		err := conn.QueryRow(t.Context(), `
			select count(*) from pg_catalog.pg_class join pg_catalog.pg_namespace n on n.oid = relnamespace
			where nspname not in ('pg_catalog', 'pg_toast', 'information_schema')`).Scan(&tables)
		require.NoError(t, err)
		require.Zero(t, tables)
		_, err = conn.Exec(t.Context(), "create table mine ()")
		require.NoError(t, err)
		urls[url] = true
	}
	require.Len(t, urls, 2)
	require.Contains(t, []string{"TEST_DATABASE_URL", "docker", "binaries", "download"}, Source())
}

func TestADatabaseIsDroppedWithItsConnections(t *testing.T) {
	t.Parallel()
	var url string
	var conn *pgx.Conn
	t.Run("uses a database and leaves a connection open", func(t *testing.T) {
		url = Database(t)
		var err error
		conn, err = pgx.Connect(t.Context(), url)
		require.NoError(t, err)
	})
	require.Error(t, conn.Ping(t.Context()))
	_, err := pgx.Connect(t.Context(), url)
	var refused *pgconn.PgError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "3D000", refused.Code)
}

func TestTheServerTakes300Connections(t *testing.T) {
	t.Parallel()
	conn := dbtest.Connect(t, Database(t))
	if Source() == "TEST_DATABASE_URL" {
		return // somebody else's server, with limits of its own
	}
	var most int
	require.NoError(t, conn.QueryRow(t.Context(), "select current_setting('max_connections')::int").Scan(&most))
	require.Greater(t, most, 300)
}

func TestManyTestsAskAtOnce(t *testing.T) {
	t.Parallel()
	for range 8 {
		t.Run("a test", func(t *testing.T) {
			t.Parallel()
			require.NoError(t, dbtest.Connect(t, Database(t)).Ping(t.Context()))
		})
	}
}
