package migrator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/cause"
	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// A stop ends an attempt. run.retry decides by its class what to do.
type stop struct {
	class  class
	err    error
	failed *failure // if taken: the step that met another run
}

func (s *stop) Error() string { return s.err.Error() }

func (s *stop) Unwrap() error { return s.err }

// sendStep sends a step until it is committed, or until it fails and a retry would not help.
func (r *run) sendStep(ctx context.Context, s *step) error { return r.sendSteps(ctx, []*step{s}) }

// sendSteps does the same with several steps, which it sends together. If one fails, those before it are committed and those
// after it have not begun, so it sends the rest again from there.
func (r *run) sendSteps(ctx context.Context, steps []*step) error {
	var tries tries
	for {
		failed, seen := r.send(ctx, steps)
		if failed == nil {
			for len(r.flight.sent) > 0 {
				r.flight.acknowledge(r.flight.elapsed(), time.Now())
			}
			return nil
		}
		s := failed.step
		if s.Runs != nil && needsNoTransaction(s.Runs, failed) {
			return r.replan(ctx, taken, failed)
		}
		switch result := classify(ctx, failed.operation.Kind, failed.err, seen.exceeded, r.server); result {
		case busy:
			wait, ok := tries.next(s, failed.err, r.flight.sentAt, r.m.options.RetryFor)
			if !ok {
				failed.blockers = seen.blockers
				return r.settle(ctx, failed, final)
			}
			if err := r.abort(ctx); err != nil {
				return r.stopFor(ctx, script.OpFrame, err)
			}
			r.flight.sent = nil
			r.emit(r.event(Event{Kind: EventRetrying, Err: failed.err, Pause: wait, Backends: seen.blockers, Statement: s.Number, Statements: s.Of}, s.move))
			if err := r.pause(ctx, s.move, wait); err != nil {
				return r.settle(ctx, failed, cancelled)
			}
			steps = steps[slices.Index(steps, s):]
		case taken, locked:
			return r.replan(ctx, result, failed)
		case lost:
			r.lostIn = failed
			return &stop{class: lost, err: failed.err}
		case final:
			if len(steps) > 1 && (failed.hasNoPlace() || failed.prepares) {
				return r.sendApart(ctx, steps[slices.Index(steps, s):])
			}
			return r.settle(ctx, failed, final)
		case cancelled:
			return r.settle(ctx, failed, cancelled)
		}
	}
}

// sendApart sends each step alone after an error that does not tell which step failed: a character that the database's encoding
// lacks, or text that is nested too deeply to be parsed. It also helps if one of our prepared statements failed: a function may
// have deallocated it, and a seal that is sent alone says what is wrong with the row.
func (r *run) sendApart(ctx context.Context, steps []*step) error {
	if err := r.abort(ctx); err != nil {
		return r.stopFor(ctx, script.OpFrame, err)
	}
	for _, s := range steps {
		if err := r.sendStep(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// replan ends the attempt after a step that this run certainly has not done. The next attempt plans again.
func (r *run) replan(ctx context.Context, why class, failed *failure) error {
	r.locked = r.locked && why != locked
	if err := r.abort(ctx); err != nil {
		return r.stopFor(ctx, script.OpFrame, err)
	}
	r.flight.sent = nil
	return &stop{class: why, err: failed.err, failed: failed}
}

// settle finds out what a failed or canceled step has left behind. No error says "rolled back" before the history was read,
// because a cancel may arrive after the commit.
func (r *run) settle(ctx context.Context, failed *failure, why class) error {
	s, reason := failed.step, failed.err
	if why == cancelled {
		reason = cause.Of(ctx)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*pgsession.CancelGrace)
	defer cancel()
	if err := r.abort(ctx); err != nil {
		r.disconnect()
	}
	if refused := asStranger(r.table, reason); refused != nil {
		r.flight.sent = nil
		return refused
	}
	if !s.reported() {
		if failed.answered() { // the server has answered, so it has not begun the steps after this one
			r.flight.sent = nil
		}
		return describeOp(r.connections, s.Heading(), &failed.operation, reason)
	}
	h, err := r.readHistory(ctx)
	switch {
	case err != nil:
		failed.err = errors.Join(reason, ErrUnsettled)
		return r.stepError(failed, unsettled)
	case !s.done(h):
		failed.err = reason
		return r.stepError(failed, r.standing(failed, h))
	case why == cancelled:
		return r.ended(s, reason)
	}
	r.disconnect() // the error came after the commit; the next steps need a session that is certainly clean
	return &stop{class: taken, err: reason}
}

// pause waits before a step is retried, and opens the watcher meanwhile if it can. A retry with a short limit may end before a
// slow connection is made, and then nobody could name the blockers.
func (r *run) pause(ctx context.Context, move *Move, d time.Duration) error {
	began := time.Now()
	if !r.pooled() {
		r.showPausing(ctx, move)
	}
	if r.watcher == nil && !r.pooled() {
		dialling, cancel := context.WithTimeout(ctx, d)
		r.watcher, _ = r.openWatcher(dialling)
		cancel()
	}
	return sleep(ctx, d-time.Since(began))
}

// stepError describes the failure of a step.
func (r *run) stepError(failed *failure, state string) error {
	if s := failed.step; s.move == nil {
		return fmt.Errorf("%w\nSTATE: %s", describeOp(r.connections, s.Heading(), &failed.operation, failed.err), state)
	}
	if u := cmp.Or(failed.step.Runs, failed.step.Begins); u != nil && failed.offset < 0 {
		failed.offset = r.offsetOf(failed.step.move, u)
	}
	return r.migrationError(failed.step.move, failed, state)
}

// ended describes the end of a run after a step that is committed.
func (r *run) ended(s *step, why error) error {
	if s.move == nil {
		return fmt.Errorf("%s: %w\nSTATE: %s", s.Heading(), why, committed)
	}
	return newMigrationError(r.connections, s.move, &failure{err: why, step: s, offset: -1}, committed)
}

// migrationError describes the failure of a migration and reports it.
func (r *run) migrationError(move *Move, failed *failure, state string) error {
	e := newMigrationError(r.connections, move, failed, state)
	event := r.event(Event{Kind: EventFailed, Err: e, Elapsed: time.Since(r.flight.sentAt)}, move)
	event.Index += failed.stepsBefore
	r.emit(event)
	return e
}

// newMigrationError describes the failure of a migration, with its line and column if they are known.
func newMigrationError(c *connections, move *Move, failed *failure, state string) *MigrationError {
	script := move.script()
	e := &MigrationError{Version: move.Migration.Version, Direction: move.Direction, Path: script.Path, State: state, Blockers: failed.blockers, Err: addHint(c, &failed.operation, failed.err)}
	if failed.offset >= 0 {
		e.Line, e.Column = sqllex.Position(script.SQL, failed.offset)
		e.Source = sourceLine(script.SQL, failed.offset)
	}
	return e
}
