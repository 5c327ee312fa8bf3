package migrator

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
)

// preflight finds problems before anything runs that would cause obscure errors later.
func (c *connections) preflight(ctx context.Context) error {
	if c.server.Standby { // after a failover the next dial may reach the primary
		return &stop{class: lost, err: errors.New("this server is a standby: connect to the primary")}
	}
	if err := c.checkOwners(ctx); err != nil {
		return err
	}
	if !c.pooled() || c.lends {
		return nil
	}
	// A pooler in statement mode accepts a transaction in one message. But at the first error it ends the session, which looks
	// like a lost connection. So begin and rollback go in messages of their own here.
	for _, sql := range []string{"begin", "rollback"} {
		if _, err := c.worker.Send(ctx, sql, nil); err != nil {
			return c.stopFor(ctx, script.OpFrame, describeOp(c, "begin a transaction", &script.Op{}, err))
		}
	}
	c.lends = true
	return nil
}

// checkOwners refuses now what Writer.CheckOwners would refuse in the middle of the run.
func (c *connections) checkOwners(ctx context.Context) error {
	for _, o := range c.writer().CheckOwners() {
		if _, err := c.worker.Send(ctx, c.worker.LiftLimits()+o.SQL, nil); err != nil {
			if refused := asStranger(c.table, err); refused != nil {
				return refused
			}
			return c.stopFor(ctx, script.OpFrame, err)
		}
	}
	return nil
}

// asStranger turns the error of Writer.CheckOwners into a *HistoryError. It returns nil for any other error.
func asStranger(t history.Table, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != sqlstate.Stranger {
		return nil
	}
	return &HistoryError{Table: t.String(), Message: pg.Message, Hint: pg.Hint}
}

// refuseWorker refuses a server that is a worker of Citus, and a history that Citus manages.
func refuseWorker(ctx context.Context, s *pgsession.Session, h *history.History) error {
	for _, o := range (script.Writer{Table: h.Table, Citus: h.Server.Citus}).RequireCoordinator() {
		if _, err := s.Send(ctx, s.LiftLimits()+o.SQL, nil); err != nil {
			return describeError("read history "+h.Table.String(), err)
		}
	}
	return nil
}
