package migrator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// lock tries for the run lock, for the worker's session: it is held for as long as that works, also where its client is gone.
// A try that fails is followed by a pause, after which the history is read again: perhaps there is nothing left to do.
func (r *run) lock(ctx context.Context) error {
	rows, err := r.worker.Rows(ctx, r.worker.LiftLimits()+strings.Join(append(script.InSession(script.Idle()), fmt.Sprintf("select pg_catalog.pg_try_advisory_lock(%d)", r.table.LockKey())), ";\n"))
	if err != nil {
		return r.stopFor(ctx, script.OpFrame, fmt.Errorf("take the run lock: %w", err))
	}
	if r.locked = rows[0][0] == "t"; r.locked {
		return nil
	}
	return r.wait(ctx)
}

// nameAfter is how long another run is waited for without a word: most are done by then.
const nameAfter = 500 * time.Millisecond

// unseenAfter is how long it is waited without a word where nobody is to be seen.
const unseenAfter = 2 * time.Second

// rereadEvery is how often a run that waits reads the history: perhaps there is nothing left to do for it.
const rereadEvery = 10 * time.Second

// wait lets another run go on until its lock is free, or the history is to be read again, and says who it is. It asks in one
// short message at a time, which holds the lock, shared with all who ask, for as long as the answer takes.
func (r *run) wait(ctx context.Context) error {
	began := time.Now()
	for time.Since(began) < rereadEvery {
		waited := r.waited()
		if err := r.reportHolder(ctx, waited); err != nil {
			return err
		}
		if err := sleep(ctx, jitter(pollPause(waited))); err != nil {
			return err
		}
		if free, err := r.lockIsFree(ctx); err != nil || free {
			return err
		}
	}
	return nil
}

// lockIsFree reports whether nobody holds the run lock.
func (r *run) lockIsFree(ctx context.Context) (bool, error) {
	rows, err := r.worker.Rows(ctx, fmt.Sprintf("select pg_catalog.pg_try_advisory_xact_lock_shared(%d)", r.table.LockKey()))
	if err != nil {
		return false, r.stopFor(ctx, script.OpFrame, err)
	}
	return rows[0][0] == "t", nil
}

// pollPause is how long to pause after so long a wait. It costs the server less than two messages a second, in the long run.
func pollPause(waited time.Duration) time.Duration {
	if waited > 10*time.Second {
		return 900 * time.Millisecond
	}
	return min(30*time.Millisecond+waited/10, 300*time.Millisecond)
}

// reportHolder finds out who is waited for, or ends the wait.
func (r *run) reportHolder(ctx context.Context, waited time.Duration) error {
	expired := r.m.options.WaitFor != 0 && waited >= r.m.options.WaitFor
	if waited < max(r.waiting.next, nameAfter) && !expired {
		return nil
	}
	holders, err := lockHolders(ctx, r.worker, r.table, r.id)
	if err != nil {
		return r.stopFor(ctx, script.OpFrame, err)
	}
	if expired {
		return &LockedError{Waited: waited, Holder: holders}
	}
	r.reportWaiting(holders)
	return nil
}

// reportWaiting reports for whom it waits, less and less often. That nobody is to be seen is reported later: they may be gone by now.
func (r *run) reportWaiting(holders []Backend) {
	waited := r.waited()
	if waited < r.waiting.next || (len(holders) == 0 && waited < unseenAfter) {
		return
	}
	r.emit(Event{Kind: EventWaiting, Elapsed: waited, Backends: holders})
	r.waiting.next = waited + min(max(waited, nameEvery), 30*time.Second)
}

func (r *run) waited() time.Duration {
	if r.waiting.since.IsZero() {
		r.waiting.since = time.Now()
	}
	return time.Since(r.waiting.since)
}

// waiting is how long another run's lock has been waited for.
type waiting struct {
	since time.Time     // zero: not waiting
	next  time.Duration // how long it is waited when the holder is reported again
}

// announce reports a plan, each warning once.
func (r *run) announce(plan *Plan) {
	if r.planned < 0 {
		r.planned = len(plan.Moves) + len(plan.Changes)
		direction := r.target.direction()
		if r.planned == 0 { // what a redo finds missing is something to revert
			direction = r.target.first()
		}
		event := Event{Kind: EventPlanned, Direction: direction, Total: r.planned}
		switch {
		case r.planned == 0:
			event.Message = r.target.nothing()
		case r.target.first() != direction:
			event.Message = fmt.Sprintf("Migrations to revert and to apply: %d", r.planned)
		}
		r.emit(event)
	}
	warnings := plan.Warnings
	if limit := r.m.options.LockTimeout; limit > 0 && len(plan.Moves) > 0 && limit.Seconds() <= r.server.DeadlockTimeout {
		warnings = append(warnings, fmt.Sprintf("the lock timeout of %s does not exceed the server's deadlock_timeout (%gs): an autovacuum in the way will not be told to go", limit, r.server.DeadlockTimeout))
	}
	for _, warning := range warnings {
		if !r.warned[warning] {
			r.warned[warning] = true
			r.emit(Event{Kind: EventWarning, Message: warning})
		}
	}
}

// endOrphans ends what is left on the server of connections that this run has lost and the server has not: a statement may
// still go on, and even commit, and keeps the run lock.
func (r *run) endOrphans(ctx context.Context) error {
	query := fmt.Sprintf("select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity where application_name operator(pg_catalog.~~) %s and pid operator(pg_catalog.<>) pg_catalog.pg_backend_pid()",
		sqltext.Literal(script.ApplicationName(r.id, "%")))
	for {
		rows, err := r.worker.Rows(ctx, query)
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// hint adds what to do to an error of the server whose own text does not say it.
func (r *run) hint(o *script.Op, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	if strings.HasPrefix(pg.Code, "MG") {
		pg.Where = "" // in a block of the tool's own
	}
	if pg.Hint != "" {
		return err
	}
	switch {
	case refusesTransactions(pg):
		pg.Hint = "the pooler is in statement mode: connect to PostgreSQL directly, or through a pool in transaction or session mode"
	case o.Kind == script.OpSeal:
		pg.Hint = "this came when the file was done and its row in " + r.table.String() + " was looked at: a migration must not drop, rename or change that table"
	case o.Kind == script.OpDeferred:
		pg.Hint = "this came when all statements of the file had run: a deferred constraint or trigger"
	case o.Kind == script.OpCommit && !strings.HasPrefix(pg.Code, "XX") && !strings.HasPrefix(pg.Code, "58"): // an internal or system error
		pg.Hint = "this came at the commit after the file"
	case o.Kind == script.OpFile:
	case pg.Code == "25006" && r.server.Standby:
		pg.Hint = "this server is a standby: connect to the primary"
	case pg.Code == "25006":
		pg.Hint = "default_transaction_read_only is on for this role or database, or the connection: alter role … set default_transaction_read_only = off"
	case pg.Code == "42501" && o.Kind == script.OpClaim && r.table.Schema != "":
		pg.Hint = grantFor(&r.server, r.table, o.SQL)
	case pg.Code == "23505" && o.Kind == script.OpClaim:
		pg.Hint = "no other run is in the way: look for unique indexes and triggers of " + r.table.String() + " beside its primary key"
	}
	return err
}
