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

// wait lets another run go on for a moment, and says who it is.
func (r *run) wait(ctx context.Context, s *session) error {
	first := r.waiting.since.IsZero()
	if first {
		r.waiting.since = time.Now()
	}
	waited := time.Since(r.waiting.since)
	expired := r.m.options.WaitFor > 0 && waited >= r.m.options.WaitFor
	if first || expired || waited >= r.waiting.next {
		holders, err := s.holders(ctx, r.table, r.id)
		if err != nil {
			return r.stopFor(ctx, opFrame, err)
		}
		if expired {
			return &LockedError{Waited: waited, Holder: holders}
		}
		if len(holders) > 0 { // it may be gone by now
			r.emit(Event{Kind: EventWaiting, Elapsed: waited, Backends: holders})
			r.waiting.next = waited + min(max(waited, nameEvery), 30*time.Second) // less and less often
		}
	}
	pause := min(50*time.Millisecond+waited/8, 300*time.Millisecond)
	if waited > 10*time.Second {
		pause = time.Second
	}
	return sleep(ctx, jitter(pause))
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
