package migrator

import (
	"context"
	"net"

	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

// dial opens a session of a run. role ends its application_name. On a worker, the end of a context cancels the statement on the
// server. Otherwise a message that ends with a commit would run on and commit after we are gone.
func (m *Migrator) dial(ctx context.Context, runID, role string, worker bool) (*pgsession.Session, error) {
	return pgsession.Dial(ctx, m.conn, pgsession.Options{
		Name: script.ApplicationName(runID, role), CancelStatements: worker, SilentAfter: m.silentAfter, BeforeConnect: m.options.BeforeConnect,
		Keepalive: net.KeepAliveConfig{Enable: true, Idle: script.KeepaliveIdle, Interval: script.KeepaliveInterval, Count: script.KeepaliveCount},
	})
}
