package migrator

import (
	"context"
	"errors"

	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

// preflight finds out, before anything runs, what would be an obscure error later.
func (r *run) preflight(ctx context.Context) error {
	if r.server.Standby { // after a failover the next try leads to the primary
		return &stop{class: lost, err: errors.New("this server is a standby: connect to the primary")}
	}
	if err := r.checkOwners(ctx); err != nil {
		return err
	}
	if !r.pooled() || r.lends {
		return nil
	}
	// A pooler in statement mode lets a transaction pass that comes in one message, and ends the session after the first
	// error in one, as if the connection were lost.
	defer r.warnSlow()()
	for _, sql := range []string{"begin", "rollback"} {
		if _, err := r.worker.Send(ctx, sql, nil); err != nil {
			return r.stopFor(ctx, script.OpFrame, r.describe("begin a transaction", &script.Op{}, err))
		}
	}
	r.lends = true
	return nil
}
