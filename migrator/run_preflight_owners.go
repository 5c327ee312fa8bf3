package migrator

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

// checkOwners refuses before anything runs what trustedOwners would refuse.
func (r *run) checkOwners(ctx context.Context) error {
	s := r.scripter(&history.History{Table: r.table, Server: r.server})
	for _, o := range s.CheckOwners() {
		if _, err := r.worker.Send(ctx, r.worker.LiftLimits()+o.SQL, nil); err != nil {
			if refused := asStranger(r.table, err); refused != nil {
				return refused
			}
			return r.stopFor(ctx, script.OpFrame, err)
		}
	}
	return nil
}

// asStranger turns what trustedOwners raises into an error that callers can tell apart; nil for another error.
func asStranger(t history.Table, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != script.CodeStranger {
		return nil
	}
	return &HistoryError{Table: t.String(), Message: pg.Message, Hint: pg.Hint}
}
