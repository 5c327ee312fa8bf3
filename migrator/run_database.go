package migrator

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// Statements about a whole database, to which nobody else may be connected meanwhile, not even the connection that watches.

// leaveDatabase ends our own second connection where a statement needs the database for itself, and keeps it from being opened again.
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

// findConnected names those who are connected to the database of a statement that has failed because of them.
func findConnected(ctx context.Context, c *connections, failed *failure) {
	var pg *pgconn.PgError
	if database := failed.step.Runs.NonTx.Database; database != "" && errors.As(failed.err, &pg) && pg.Code == sqlstate.ObjectInUse {
		failed.blockers, _ = describeBackends(ctx, c.worker, "select a.pid from pg_catalog.pg_stat_activity a where a.datname operator(pg_catalog.=) "+sqltext.Literal(database)+
			" and a.pid operator(pg_catalog.<>) pg_catalog.pg_backend_pid() order by a.pid")
	}
}
