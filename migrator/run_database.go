package migrator

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// A statement about a whole database fails if anybody else is connected to that database, even our watcher.

// leaveDatabase closes our watcher if the statement needs the current database for itself, and keeps it closed while the step
// runs.
func leaveDatabase(ctx context.Context, c *connections, st *step) error {
	rows, err := c.worker.Rows(ctx, "select pg_catalog.current_database()")
	if err != nil {
		return c.stopFor(ctx, script.OpFrame, err)
	}
	if st.Unwatched = rows[0][0] == st.Runs.NonTx.Database; st.Unwatched {
		c.dropWatcher()
	}
	return nil
}

// findConnected notes as blockers the sessions that are connected to the database, if the statement failed because of them.
func findConnected(ctx context.Context, c *connections, failed *failure) {
	var pg *pgconn.PgError
	if database := failed.step.Runs.NonTx.Database; database != "" && errors.As(failed.err, &pg) && pg.Code == sqlstate.ObjectInUse {
		failed.blockers, _ = describeBackends(ctx, c.worker, "select a.pid from pg_catalog.pg_stat_activity a where a.datname operator(pg_catalog.=) "+sqltext.Literal(database)+
			" and a.pid operator(pg_catalog.<>) pg_catalog.pg_backend_pid() order by a.pid")
	}
}
