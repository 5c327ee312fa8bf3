package migrator

import (
	"context"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

// refuseWorker keeps plans and states from being told of a server that is a worker, or whose history Citus manages.
func refuseWorker(ctx context.Context, s *pgsession.Session, h *history.History) error {
	for _, o := range (script.Writer{Table: h.Table, Citus: h.Server.Citus}).RequireCoordinator() {
		if _, err := s.Send(ctx, s.LiftLimits()+o.SQL, nil); err != nil {
			return describeError("read history "+h.Table.String(), err)
		}
	}
	return nil
}
