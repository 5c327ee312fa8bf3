package servertest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

func TestPromise6HoldsGoingDown(t *testing.T) {
	t.Parallel()
	url, release := busy(t, "a", "b")
	fsys := files("001_alter.sql", "select 1;", "001_alter.down.sql", "alter table a add y int;\n")
	_, err := open(t, url, fsys, migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	var seen recorder
	readers := gather(t, url, 4, "a")
	ended := make(chan error, 1)
	m := open(t, url, fsys, migrator.Config{Observe: seen.observe})
	go func() {
		_, err := m.Run(patience(t), migrator.Down(1))
		ended <- err
	}()
	time.Sleep(4 * time.Second)
	release("a")
	require.NoError(t, <-ended)
	require.Less(t, readers.leave(t), longestAllowed)
	blocked := seen.of(migrator.EventBlocked)
	require.NotEmpty(t, blocked)
	require.Equal(t, "report", blocked[0].Backends[0].Application)
	require.NotEmpty(t, seen.of(migrator.EventRetrying))
	require.Equal(t, []string{"0"}, query(t, url, "select count(*)::text from schema_migrations"))
}

func TestCancellingTheContextCancelsARevertToo(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	fsys := files("001_table.sql", "create table a ();", "001_table.down.sql", "drop table a;\nselect pg_sleep(60);\n")
	m := open(t, url, fsys, migrator.Config{})
	_, err := m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := m.Run(ctx, migrator.Down(1))
		ended <- err
	}()
	waitFor(t, url, "select (count(*) = 1)::text from pg_stat_activity where application_name like 'migrator % 001_table.sql' and wait_event = 'PgSleep' and datname = current_database()")
	cancel()
	err = <-ended
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "001_table.down.sql:2:1")
	require.ErrorContains(t, err, "STATE: rolled back; 001_table.sql is still applied")
	require.Equal(t, []string{"true"}, query(t, url, "select (to_regclass('a') is not null)::text"))
	require.Equal(t, []string{"001_table.sql"}, query(t, url, "select version from schema_migrations"))
}
