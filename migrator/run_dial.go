package migrator

import (
	"context"
	"net"

	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

// dial opens a session of a run, which is named after what it is for. Cancelling the context of a statement on a worker cancels
// it on the server; otherwise a message that ends in a commit would go on and commit after we are gone.
func (m *Migrator) dial(ctx context.Context, runID, role string, worker bool) (*pgsession.Session, error) {
	return pgsession.Dial(ctx, m.conn, pgsession.Options{
		Name: script.ApplicationName(runID, role), CancelStatements: worker, SilentAfter: m.silentAfter, BeforeConnect: m.options.BeforeConnect,
		Keepalive: net.KeepAliveConfig{Enable: true, Idle: script.KeepaliveIdle, Interval: script.KeepaliveInterval, Count: script.KeepaliveCount},
	})
}
