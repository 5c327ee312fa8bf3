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

// connections are those of a run: the worker, which does everything, and the watcher, which looks at what the worker waits for.
type connections struct {
	dial func(ctx context.Context, role string, worker bool) (*pgsession.Session, error)
	id   string // of the run, in the names of its sessions

	worker    *pgsession.Session // nil: not dialled yet, or lost
	prepared  script.Session     // statements that the worker's session has prepared
	locked    bool               // the worker's session holds the run lock, as far as is known: each message checks it
	keepsFile bool               // a no-transaction file is under way, whose later statements need what it has left in the session

	watcher *pgsession.Session // nil: not needed yet, or lost
	guards  bool               // the watcher holds the guard lock, which shows that this run is alive
	lends   bool               // the pooler has been seen to lend a session for a whole transaction

	server history.Server
	table  history.Table
}

// writer lays out operations for the worker's session.
func (c *connections) writer() script.Writer {
	s := newWriter(&history.History{Table: c.table, Server: c.server})
	s.RunID, s.KeepsLock = c.id, !c.pooled()
	return s
}

// pooled reports whether the worker's connection goes through a pooler: another process of the server answers than has
// greeted us.
func (c *connections) pooled() bool { return c.server.Pooled }

// stopFor ends an attempt because of an error.
func (c *connections) stopFor(ctx context.Context, kind script.OpKind, err error) *stop {
	return &stop{class: classify(ctx, kind, err, false, c.server), err: err}
}

// abort ends what an error has left open, and frees what outlives a rollback. It is one message, since a pooler gives the
// server's session to somebody else as soon as it is idle.
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

// endOrphans ends the server's sessions of connections that this run has lost and the server has not: a statement there may
// still run, and even commit, and keeps the run lock.
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

// showPausing names the session after the file while nothing runs, so that others see which one holds the run lock. The next
// message sets the name again.
func (c *connections) showPausing(ctx context.Context, move *Move) {
	if move != nil {
		name := script.Writer{RunID: c.id}.Name(string(move.Migration.Version))
		_, _ = c.worker.Send(ctx, name.Session(), nil) // the next message notices a lost connection
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
		_, _ = c.worker.Send(ctx, "select pg_catalog.pg_advisory_unlock_all()", nil) // closing does it too, only a little later
	}
	c.disconnect()
}
