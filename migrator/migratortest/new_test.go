package migratortest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	agentshaker "github.com/agent-shaker/agent-shaker"
	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
)

func TestACloneIsMigratedAndOnlyForItsTest(t *testing.T) {
	t.Parallel()
	one, other := New(t, agentshaker.Migrations()), New(t, agentshaker.Migrations())
	config, err := pgx.ParseConfig(one.Config().ConnString())
	require.NoError(t, err)
	migrations, err := migrator.Load(agentshaker.Migrations())
	require.NoError(t, err)
	statuses, err := migrator.New(config, migrations, migrator.Config{}).Status(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, statuses)
	for _, status := range statuses {
		require.Equal(t, migrator.StateApplied, status.State)
	}

	projects := ask(t, one, "select count(*)::text from projects")
	dbtest.Exec(t, one, "delete from projects")
	require.Equal(t, "0", ask(t, dbtest.Connect(t, one.Config().ConnString()), "select count(*)::text from projects"))
	require.Equal(t, projects, ask(t, other, "select count(*)::text from projects"))
	require.Equal(t, projects, ask(t, New(t, agentshaker.Migrations()), "select count(*)::text from projects"))
	require.NotEqual(t, "0", projects)
}

func TestACloneIsDroppedWithItsConnections(t *testing.T) {
	t.Parallel()
	var url string
	var first, second *pgx.Conn
	t.Run("leaves a connection open", func(t *testing.T) {
		first = New(t, agentshaker.Migrations())
		url = first.Config().ConnString()
		var err error
		second, err = pgx.Connect(t.Context(), url)
		require.NoError(t, err)
	})
	require.True(t, first.IsClosed())
	require.Eventually(t, func() bool {
		conn, err := pgx.Connect(t.Context(), url)
		if err == nil { // it is dropped in the background
			_ = conn.Close(t.Context())
		}
		var refused *pgconn.PgError
		return errors.As(err, &refused) && refused.Code == "3D000" && second.Ping(t.Context()) != nil
	}, time.Minute, 10*time.Millisecond)
}

func Test200DatabasesAreFast(t *testing.T) {
	t.Parallel()
	databases := dbtest.Rounds(200, 5)
	begin := time.Now()
	for range databases {
		t.Run("a test", func(t *testing.T) {
			require.NotEqual(t, "0", ask(t, New(t, agentshaker.Migrations()), "select count(*)::text from projects"))
		})
	}
	took := time.Since(begin)
	t.Logf("%d databases took %s, %s each", databases, took.Round(time.Millisecond), (took / time.Duration(databases)).Round(100*time.Microsecond))
	require.Less(t, took, 2*time.Minute)
}

func TestFilesThatCannotBeUnderstoodAreToldWithTheirPlace(t *testing.T) {
	t.Parallel()
	require.Contains(t, fatal(t, dbtest.Files("001_a.sql", "select 1", "02-b.sql", "select 1")), "02-b.sql: ")
}

func TestAConnectionThatWasLostIsReplaced(t *testing.T) {
	t.Parallel()
	url := Database(t)
	s := newServer("test", url)
	t.Cleanup(s.maintenance.close)
	require.NoError(t, s.exec(t.Context(), "select 1"))
	require.Len(t, s.maintenance.idle, 1)
	pid := s.maintenance.idle[0].PgConn().PID()
	require.Equal(t, "true", ask(t, dbtest.Connect(t, url), "select pg_terminate_backend($1, 10000)::text", pid))
	require.NoError(t, s.exec(t.Context(), "select 1"))
	require.Len(t, s.maintenance.idle, 1)
	require.NotEqual(t, pid, s.maintenance.idle[0].PgConn().PID())

	var refused *pgconn.PgError
	require.ErrorAs(t, s.exec(t.Context(), "select nonsense"), &refused)
	require.Len(t, s.maintenance.idle, 1, "a refusal is no reason to dial again")
}

// fatal returns what New says when it ends a test.
func fatal(t *testing.T, migrations fs.FS) string {
	t.Helper()
	w := &witness{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn := New(w, migrations)
		_ = conn.Close(context.Background())
	}()
	<-done
	return w.said
}

// witness is a test that may fail.
type witness struct {
	testing.TB
	said string
}

func (w *witness) Fatal(args ...any) {
	w.said = fmt.Sprint(args...)
	runtime.Goexit()
}
