package migrator

import (
	"context"
	"fmt"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// connections are those of a run: the worker runs everything, and the watcher looks at what the worker waits for.
type connections struct {
	dial func(ctx context.Context, role string, worker bool) (*pgsession.Session, error)
	id   string // the ID of the run, in the application_name of its sessions

	worker    *pgsession.Session // nil: not dialled yet, or lost
	prepared  script.Session     // which of our statements the worker's session has prepared
	locked    bool               // the worker's session holds the run lock, as far as is known; each message checks it
	keepsFile bool               // a no-transaction file is running, and its later statements need what it has left in the session

	watcher *pgsession.Session // nil: not needed yet, or lost
	guards  bool               // the watcher holds the guard lock, so that other runs see that this one is alive
	lends   bool               // the pooler keeps a session for a whole transaction, as preflight has seen

	server history.Server
	table  history.Table
}

// writer returns a writer for the worker's session.
func (c *connections) writer() script.Writer {
	s := newWriter(&history.History{Table: c.table, Server: c.server})
	s.RunID, s.KeepsLock = c.id, !c.pooled()
	return s
}

// pooled reports whether the worker's connection goes through a pooler. Then the server process that answers is not the one that
// greeted us.
func (c *connections) pooled() bool { return c.server.Pooled }

// stopFor returns the stop for an error of an operation.
func (c *connections) stopFor(ctx context.Context, kind script.OpKind, err error) *stop {
	return &stop{class: classify(ctx, kind, err, false, c.server), err: err}
}

// abort rolls back after an error and frees what outlives a rollback. It is one message, because a pooler may give an idle
// server session to another client. During a no-transaction file it keeps what the next statements need.
func (c *connections) abort(ctx context.Context) error {
	s := script.Writer{Table: c.table, Pooled: c.pooled(), KeepsLock: c.locked}
	ops := s.Abort()
	if c.keepsFile {
		ops = append(s.Rollback(), s.Idle()...)
	}
	_, err := c.worker.Send(ctx, script.Whole(ops)[0].SQL, nil)
	c.prepared.Forget()
	return err
}

// endOrphans terminates the sessions of this run whose connections are lost but that still exist on the server. A statement
// there may still run and commit, and the session keeps the run lock. endOrphans waits until they are gone.
func (c *connections) endOrphans(ctx context.Context) error {
	query := fmt.Sprintf("select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity where application_name operator(pg_catalog.~~) %s and pid operator(pg_catalog.<>) pg_catalog.pg_backend_pid()",
		sqltext.Literal(script.ApplicationName(c.id, "%")))
	for {
		rows, err := c.worker.Rows(ctx, query)
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// showPausing sets application_name to the file during a pause, so that others see who holds the run lock. The next message sets
// it again.
func (c *connections) showPausing(ctx context.Context, move *Move) {
	if move != nil {
		name := script.Writer{RunID: c.id}.Name(string(move.Migration.Version))
		_, _ = c.worker.Send(ctx, name.Session(), nil) // the next message notices if the connection is lost
	}
}

func (c *connections) disconnect() {
	if c.worker != nil {
		c.worker.Close()
		c.worker = nil
	}
	c.dropWatcher()
	c.locked = false
}

func (c *connections) close() {
	if c.locked && !c.worker.Lost() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, _ = c.worker.Send(ctx, "select pg_catalog.pg_advisory_unlock_all()", nil) // closing frees the locks too, but a little later
	}
	c.disconnect()
}
