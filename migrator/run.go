package migrator

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/cause"
	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

// Result is a migration that a run has applied or reverted, or a history row that it has written without running a file. It is
// committed.
type Result struct {
	Version   Version       `json:"version"`
	Direction Direction     `json:"direction,omitempty"` // "" for a Change
	Elapsed   time.Duration `json:"elapsed_ns"`          // 0: not known, the connection was lost meanwhile
	Change    *Change       `json:"change,omitempty"`    // the history row that was written; nil if a file ran
}

// A run is one call of Migrator.Run. It sends the steps of a plan. Whenever it is unsure what is committed, it reads the history
// and plans again.
type run struct {
	*planner
	*connections
	*reporter
	*patience

	flight *flight
	lock   *runLock
}

func newRun(m *Migrator, target Target) *run {
	bytes := make([]byte, 4)
	_, _ = rand.Read(bytes) // never fails
	id := hex.EncodeToString(bytes)
	r := &run{
		planner: &planner{m: m, target: target, reviews: &reviewer{}},
		connections: &connections{id: id, dial: func(ctx context.Context, role string, worker bool) (*pgsession.Session, error) {
			return m.dial(ctx, id, role, worker)
		}},
		reporter: &reporter{observe: m.options.Observe, began: time.Now(), planned: -1, warned: map[string]bool{}},
		patience: &patience{reconnects: reconnects{limit: m.options.ReconnectFor}},
	}
	r.lock = &runLock{connections: r.connections, reporter: r.reporter, waitFor: m.options.WaitFor}
	r.flight = &flight{starting: r.starting, finished: r.finished, correct: func(result int, took time.Duration) { r.results[result].Elapsed = took }}
	return r
}

// all makes attempts until nothing is left to do or an error is final.
func (r *run) all(ctx context.Context) error {
	for {
		err := r.attempt(ctx)
		if err == nil {
			r.done(r.target)
			return nil
		}
		if err := r.retry(ctx, err); err != nil {
			return r.addUnsettled(err)
		}
	}
}

// addUnsettled is for an error that ends the run. If the outcome of a step in flight is unknown, it adds that to the error.
func (r *run) addUnsettled(err error) error {
	var reported *MigrationError
	s := r.flight.unsettled()
	if s == nil || errors.As(err, &reported) {
		return err
	}
	return r.stepError(&failure{err: errors.Join(err, ErrUnsettled), step: s, offset: -1}, unsettled)
}

// attempt does what the history says is left to do.
func (r *run) attempt(ctx context.Context) error {
	for {
		switch found, err := r.fastPath(ctx); {
		case err != nil || found == nothingPending:
			return err
		case found == somethingPending:
			if err := r.lock.take(ctx); err != nil {
				return err
			}
			continue
		}
		plan, err := r.planAgain(ctx)
		if err != nil || plan.Empty() {
			return err
		}
		if err := r.check(ctx); err != nil {
			return err
		}
		if r.pooled() && r.locked {
			return &stop{class: lost, err: errors.New("the connection leads to another process of the server than before")}
		}
		if r.pooled() || r.locked {
			return r.sendPlan(ctx, plan)
		}
		if err := r.lock.take(ctx); err != nil {
			return err
		}
	}
}

// fastPath tries to find out with one quick query what an up has to do. It leaves targets that count to the full plan, because
// they must be resolved before the run waits for another one.
func (r *run) fastPath(ctx context.Context) (fastResult, error) {
	if r.locked || len(r.flight.sent) > 0 || (r.target.kind != targetUp && r.target.kind != targetUpTo) {
		return unclear, nil
	}
	defer r.warnSlow()()
	if err := r.connect(ctx); err != nil {
		return unclear, err
	}
	h, err := readFast(ctx, r.worker, r.place(), r.m.migrations)
	if err != nil {
		return unclear, r.stopFor(ctx, script.OpFrame, fmt.Errorf("read history %s: %w", r.place(), err))
	}
	if h == nil {
		return unclear, nil
	}
	r.reconnects.connected()
	plan, found := r.choose(h)
	if found == unclear {
		return unclear, nil
	}
	r.server, r.table = h.Server, h.Table
	if h.Exists {
		r.tell(plan)
	}
	return found, nil
}

// planAgain reads the history and plans what is left.
func (r *run) planAgain(ctx context.Context) (*Plan, error) {
	h, err := r.readHistory(ctx)
	if err != nil {
		return nil, err
	}
	if !r.target.records() && r.planned < 0 { // the files may have been applied elsewhere
		if err := survey(ctx, r.worker, h, r.m.migrations, !r.m.options.AllowOtherTools); err != nil {
			return nil, r.stopFor(ctx, script.OpFrame, err)
		}
	}
	plan, err := r.plan(h, r.writer())
	if err != nil {
		return nil, err
	}
	r.noteLeft(len(plan.Moves) + len(plan.Changes))
	r.tell(plan)
	return plan, nil
}

// tell reports a plan, and warns if the server's settings do not fit it.
func (r *run) tell(plan *Plan) {
	r.announce(plan)
	if limit := r.m.options.LockTimeout; limit > 0 && len(plan.Moves) > 0 && limit.Seconds() <= r.server.DeadlockTimeout {
		r.warn([]string{fmt.Sprintf("the lock timeout of %s does not exceed the server's deadlock_timeout (%gs): an autovacuum in the way will not be told to go", limit, r.server.DeadlockTimeout)})
	}
}

// check finds problems before anything runs that would cause obscure errors later.
func (r *run) check(ctx context.Context) error {
	defer r.warnSlow()()
	return r.preflight(ctx)
}

// connect dials the worker if there is none. After a lost connection it first ends the old sessions of this run.
func (r *run) connect(ctx context.Context) error {
	if r.worker != nil {
		return nil
	}
	worker, err := r.dial(ctx, "worker", true)
	if err != nil {
		return err
	}
	r.worker, r.prepared = worker, script.Session{}
	if len(r.flight.sent) > 0 || r.reconnects.count > 0 {
		if err := r.endOrphans(ctx); err != nil {
			return r.stopFor(ctx, script.OpFrame, err)
		}
	}
	return nil
}

// readHistory reads the history and learns from it which steps in flight are committed.
func (r *run) readHistory(ctx context.Context) (*history.History, error) {
	defer r.warnSlow()()
	if err := r.connect(ctx); err != nil {
		return nil, err
	}
	h, err := readHistory(ctx, r.worker, r.place(), r.m.migrations)
	if err != nil {
		var pg *pgconn.PgError
		if errors.As(err, &pg) || r.worker.Lost() {
			return nil, r.stopFor(ctx, script.OpFrame, err)
		}
		return nil, err
	}
	r.server, r.table = h.Server, h.Table
	r.reconnects.connected()
	r.settleSent(h)
	return h, nil
}

// place returns the history table. After the first plan it stays the same, even if the files change the search_path.
func (r *run) place() history.Table {
	if r.planned >= 0 {
		return r.table
	}
	return r.m.table()
}

// settleSent reports the steps in flight that the history shows as done, and ends the flight.
func (r *run) settleSent(h *history.History) {
	for _, s := range r.flight.sent {
		if s.Part || !s.done(h) {
			break
		}
		if s.move != nil {
			r.starting(s.move)
		}
		if s.reported() {
			r.finish(s, 0) // its end was not seen
		}
	}
	r.flight.sent = nil
}

// retry decides what to do about an error of an attempt. It returns nil to try again: the next attempt reads in the history what
// is left to do after a lost connection, a conflict with another run or a busy lock.
func (r *run) retry(ctx context.Context, err error) error {
	var stopped *stop
	if !errors.As(err, &stopped) {
		var reported *MigrationError // the file itself may have opened the connection that was lost
		if ctx.Err() != nil || errors.As(err, &reported) || !isTemporaryRefusal(err) {
			return err
		}
		stopped = &stop{class: lost, err: err}
	}
	switch stopped.class {
	case lost:
		r.disconnect()
		pause, ok := r.reconnects.next()
		if !ok {
			return r.giveUp(ctx, stopped.err)
		}
		r.emit(Event{Kind: EventReconnecting, Err: stopped.err, Pause: pause})
		if sleep(ctx, pause) != nil {
			return fmt.Errorf("%w, while the database was waited for, after: %s", cause.Of(ctx), stopped.err.Error()) // only as text, not for errors.Is
		}
		return nil
	case taken:
		if r.conflict() {
			return nil
		}
		if stopped.failed != nil { // no other run is in the way, so the error is real
			settled := r.settle(ctx, stopped.failed, final)
			if errors.As(settled, &stopped) {
				return nil
			}
			return settled
		}
	case locked:
		if err := r.lock.wait(ctx); err != nil {
			return r.retry(ctx, err)
		}
		return nil
	case busy, cancelled, final:
	}
	return stopped.err
}

// giveUp ends a run whose server was lost for too long or too often. It returns nil if the history shows that the run has
// advanced.
func (r *run) giveUp(ctx context.Context, err error) error {
	sent, first := r.flight.sent, r.flight.unsettled()
	if first == nil {
		return fmt.Errorf("%s: %w", r.reconnects.describe(), err)
	}
	failed := &failure{err: err, offset: -1}
	if r.lostIn != nil {
		failed = r.lostIn
	}
	often := "; the connection was lost " + times(r.reconnects.count)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*pgsession.CancelGrace)
	defer cancel()
	h, unread := r.readHistory(ctx)
	if unread == nil && slices.ContainsFunc(sent, func(s *step) bool { return s.reported() && s.done(h) }) {
		return nil // the last step, or the first of several, is done after all
	}
	failed.step = first
	if unread != nil {
		failed.err = errors.Join(failed.err, ErrUnsettled)
		return r.stepError(failed, unsettled+often)
	}
	return r.stepError(failed, r.standing(failed, h)+often)
}

func (r *run) starting(move *Move) {
	if r.begun != move.Migration.Version {
		r.flight.sentAt = time.Now()
		r.reporter.starting(move)
	}
}

// finished notes that a step is committed. The wait for the run lock is over then, and a migration or statement that ended
// restores the patience.
func (r *run) finished(s *step, took time.Duration) {
	r.lock.forget()
	switch {
	case s.Runs != nil:
		r.statement(s)
		r.patience.advanced()
	case s.reported() && !s.Part:
		r.finish(s, took)
	}
}

// finish reports a migration as applied or reverted. Then the run is patient with the server again.
func (r *run) finish(s *step, took time.Duration) {
	r.reporter.finish(s, took)
	r.patience.advanced()
	r.planner.advanced()
}
