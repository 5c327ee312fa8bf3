package migrator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// lock tries for the run lock, with a warden; a try that fails is followed by a pause, after which the history is read
// again: perhaps there is nothing left to do.
func (r *run) lock(ctx context.Context, h *history) error {
	if r.warden == nil {
		// Of many who start at once most find it taken: they need no second connection while they wait.
		free, err := r.free(ctx, r.worker)
		if err != nil {
			return err
		}
		if !free {
			return r.wait(ctx, r.worker)
		}
		s, err := r.m.dial(ctx, r.id, lockRole, false)
		var pg *pgconn.PgError
		switch {
		case errors.As(err, &pg) && pg.Code == "53300": // the role or the server allows no second connection
			r.alone = true
			return nil
		case err != nil:
			return err
		}
		r.warden = &warden{session: s}
	}
	same, err := r.warden.try(ctx, r.scripter(h), r.server.PID)
	switch {
	case err != nil:
		return r.stopFor(ctx, opLock, err)
	case !same:
		return &stop{outcome: lost, err: errors.New("the connection string has led to two different servers")}
	case r.warden.held:
		return nil
	}
	return r.wait(ctx, r.warden.session)
}

// rereadEvery is how often a run that waits reads the history: perhaps there is nothing left to do for it.
const rereadEvery = 10 * time.Second

// wait lets another run go on until its lock is free, or the history is to be read again, and says who it is. It asks in one
// short message at a time, which holds the lock, shared with all who ask, for as long as the answer takes.
func (r *run) wait(ctx context.Context, s *session) error {
	began := time.Now()
	if r.waiting.since.IsZero() {
		r.waiting.since = began
	}
	for time.Since(began) < rereadEvery {
		waited := time.Since(r.waiting.since)
		if err := r.nameHolder(ctx, s, waited); err != nil {
			return err
		}
		if err := sleep(ctx, jitter(pollPause(waited))); err != nil {
			return err
		}
		if free, err := r.free(ctx, s); err != nil || free {
			return err
		}
	}
	return nil
}

// free reports whether nobody holds what is waited for: the run lock, or that of the session which works on a no-transaction
// file where this run has the run lock itself. A run without a warden may wait for either.
func (r *run) free(ctx context.Context, s *session) (bool, error) {
	probe := func(key int64) string {
		return fmt.Sprintf("pg_catalog.pg_try_advisory_xact_lock_shared(%d)", key)
	}
	ask := probe(r.table.lockKey())
	switch {
	case r.warden != nil && r.warden.held:
		ask = probe(r.table.sessionKey())
	case r.alone:
		ask += " and " + probe(r.table.sessionKey())
	}
	rows, err := s.rows(ctx, "select "+ask)
	if err != nil {
		return false, r.stopFor(ctx, opFrame, err)
	}
	return rows[0][0] == "t", nil
}

// pollPause is how long to pause after so long a wait. It costs the server a message a second, in the long run.
func pollPause(waited time.Duration) time.Duration {
	if waited > 10*time.Second {
		return time.Second
	}
	return min(50*time.Millisecond+waited/8, 300*time.Millisecond)
}

// nameHolder reports who is waited for, at first and then less and less often, or ends the wait.
func (r *run) nameHolder(ctx context.Context, s *session, waited time.Duration) error {
	expired := r.m.options.WaitFor > 0 && waited >= r.m.options.WaitFor
	if waited < r.waiting.next && !expired {
		return nil
	}
	holders, err := s.holders(ctx, r.table, r.id)
	if err != nil {
		return r.stopFor(ctx, opFrame, err)
	}
	if expired {
		return &LockedError{Waited: waited, Holder: holders}
	}
	if len(holders) > 0 { // it may be gone by now, or not be seen by this role
		r.emit(Event{Kind: EventWaiting, Elapsed: waited, Backends: holders})
	}
	r.waiting.next = waited + min(max(waited, nameEvery), 30*time.Second)
	return nil
}

// waiting is how long another run's lock has been waited for.
type waiting struct {
	since time.Time     // zero: not waiting
	next  time.Duration // how long it is waited when the holder is reported again; 0: at once
}

// announce reports a plan, each warning once.
func (r *run) announce(plan *Plan) {
	if r.planned < 0 {
		r.planned = len(plan.Moves) + len(plan.Changes)
		r.emit(Event{Kind: EventPlanned, Direction: r.target.direction(), Total: r.planned})
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

// checkWarden makes a run that has lost its warden take the lock again before the next file.
func (r *run) checkWarden() error {
	if (r.warden == nil || !r.warden.held) && !r.takesLock() {
		return &stop{outcome: taken, err: errors.New("the connection that held the run lock was lost")}
	}
	return nil
}

func (r *run) dropWarden() {
	r.warden.close()
	r.warden = nil
}

// endOrphans ends what is left on the server of connections that this run has lost and the server has not: a statement may
// still go on, and even commit; and a former warden would keep the run lock.
func (r *run) endOrphans(ctx context.Context) error {
	query := fmt.Sprintf("select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity where application_name like %s and pid <> pg_catalog.pg_backend_pid()",
		literal(applicationName(r.id, "%")))
	if r.warden != nil {
		query += fmt.Sprintf(" and pid <> %d", r.warden.pg.PID())
	}
	for {
		rows, err := r.worker.rows(ctx, query)
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// hint adds what to do to an error of the server whose own text does not say it.
func (r *run) hint(kind operationKind, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Hint != "" {
		return err
	}
	switch {
	case refusesTransactions(pg):
		pg.Hint = "the pooler is in statement mode: connect to PostgreSQL directly, or through a pool in transaction or session mode"
	case kind == opSeal:
		pg.Hint = "this came when the file was done and its row in " + r.table.String() + " was looked at: a migration must not drop, rename or change that table"
	case kind == opCommit && !strings.HasPrefix(pg.Code, "XX") && !strings.HasPrefix(pg.Code, "58"): // an internal or system error
		pg.Hint = "this came at the commit after the file: a deferred constraint or trigger"
	case kind == opFile:
	case pg.Code == "25006" && r.server.Standby:
		pg.Hint = "this server is a standby: connect to the primary"
	case pg.Code == "25006":
		pg.Hint = "default_transaction_read_only is on for this role or database, or the connection: alter role … set default_transaction_read_only = off"
	case pg.Code == "42501" && r.server.Schema != "":
		pg.Hint = fmt.Sprintf("grant create on schema %s to %s", pgx.Identifier{r.server.Schema}.Sanitize(), pgx.Identifier{r.server.User}.Sanitize())
		if kind == opClaim && r.exists {
			pg.Hint = r.server.grant(r.table)
		}
	}
	return err
}
