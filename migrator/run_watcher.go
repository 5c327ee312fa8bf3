package migrator

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
)

// watchRole ends the application_name of the watcher.
const watchRole = "watch"

var errOtherServer = errors.New("the connection string has led to another server, from which nobody sees what a file waits for")

// dialWatcher dials the watcher. It touches no table and leaves no transaction open, because a CREATE INDEX CONCURRENTLY of the
// worker would wait for its snapshot forever. It returns errOtherServer if it has reached another server.
func (c *connections) dialWatcher(ctx context.Context) (*pgsession.Session, error) {
	s, err := c.dial(ctx, watchRole, false)
	if err != nil {
		return nil, err
	}
	settings := append(c.writer().SessionSettings(""), "set idle_session_timeout = 0", "select "+history.ServerStart)
	if c.guards {
		settings = append(settings, c.guardSQL())
	}
	rows, err := s.Rows(ctx, strings.Join(settings, ";\n"))
	if err == nil && rows[0][0] != c.server.ServerStart {
		err = errOtherServer
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (c *connections) dropWatcher() {
	if c.watcher != nil {
		c.watcher.Close()
		c.watcher = nil
	}
}

func (c *connections) guardSQL() string {
	return fmt.Sprintf("select pg_catalog.pg_try_advisory_lock(%d)", c.table.GuardKey())
}
