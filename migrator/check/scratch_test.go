package check_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/check"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

// tables are the user's tables of a database.
func tables(tb testing.TB, config *pgx.ConnConfig) []string {
	tb.Helper()
	return dbtest.Rows(tb, connect(tb, config), "select oid::regclass::text from pg_class where oid >= 16384 and relkind = 'r'")
}

// spied is a configuration, and what runs with it tell of the databases that they are connected to.
func spied(tb testing.TB) (config *pgx.ConnConfig, options check.Options, scratch func() string) {
	tb.Helper()
	config = dbtest.Config(tb, migratortest.Database(tb))
	var name string
	options.Config.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		if strings.HasPrefix(c.Database, "migrator_check_") {
			name = c.Database
		}
		return nil
	}
	return config, options, func() string { return name }
}

// exists reports whether the server has a database.
func exists(tb testing.TB, config *pgx.ConnConfig, name string) bool {
	tb.Helper()
	var found bool
	require.NoError(tb, connect(tb, config).QueryRow(context.Background(), "select exists (select from pg_database where datname = $1)", name).Scan(&found))
	return found
}

func TestTheScratchDatabaseIsGoneAndTheNamedOneUntouched(t *testing.T) {
	t.Parallel()
	config, options, scratch := spied(t)
	_, err := connect(t, config).Exec(t.Context(), "create table mine (a int)")
	require.NoError(t, err)
	seen := false
	options.Observe = func(check.Report) { seen = exists(t, config, scratch()) }
	_, err = check.Downs(t.Context(), config, load(t, "001_users.sql", "create table users (id int)", "001_users.down.sql", "", "002_users.sql", "create table mine (a int)"), options)
	require.NoError(t, err)
	require.True(t, seen)
	require.False(t, exists(t, config, scratch()))
	require.Equal(t, []string{"mine"}, tables(t, config))
}

func TestTheScratchDatabaseIsGoneAfterAFailedUp(t *testing.T) {
	t.Parallel()
	config, options, scratch := spied(t)
	_, err := check.Downs(t.Context(), config, load(t, "001_bad.sql", "select 1/0"), options)
	require.ErrorContains(t, err, "division by zero")
	require.NotEmpty(t, scratch())
	require.False(t, exists(t, config, scratch()))
}

func TestTheScratchDatabaseIsGoneAfterTheContextHasEnded(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	for _, c := range []struct {
		name     string
		during   migrator.Direction
		up, down string
	}{
		{"during an up", migrator.DirectionUp, "select pg_sleep(60)", "select 1"},
		{"during a down", migrator.DirectionDown, "select 1", "select pg_sleep(60)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config, options, scratch := spied(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			why := errors.New("enough")
			options.Config.Observe = func(e migrator.Event) {
				if e.Kind == migrator.EventStarted && e.Version == "002_slow.sql" && e.Direction == c.during {
					time.AfterFunc(500*time.Millisecond, func() { cancel(why) })
				}
			}
			reports, err := check.Downs(ctx, config, load(t, "001_users.sql", "create table users (id int)", "002_slow.sql", c.up, "002_slow.down.sql", c.down), options)
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, why)
			require.Len(t, reports, 1)
			require.NotEmpty(t, scratch())
			require.False(t, exists(t, config, scratch()))
		})
	}
}

func TestTheScratchDatabaseIsGoneWhereTheContextEndsWhileItIsMade(t *testing.T) {
	t.Parallel()
	config, options, scratch := spied(t)
	for _, after := range []time.Duration{0, 5 * time.Millisecond, 20 * time.Millisecond, 60 * time.Millisecond} {
		why := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), after, why)
		_, err := check.Downs(ctx, config, load(t, "001_slow.sql", "select pg_sleep(60)"), options)
		cancel()
		require.ErrorIs(t, err, why)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	var left int
	require.NoError(t, connect(t, config).QueryRow(t.Context(), "select count(*) from pg_database where datname = $1", scratch()).Scan(&left))
	require.Zero(t, left)
}
