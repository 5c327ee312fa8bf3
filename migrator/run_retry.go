package migrator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/cause"
	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

const (
	rolledBack  = "rolled back; nothing of this file was applied"
	notRecorded = "rolled back; nothing was recorded"
	committed   = "committed"
	unsettled   = "not known, the server could not be asked; run it again, the history decides"
)

// A stop ends an attempt for a reason that Run.again knows what to do about.
type stop struct {
	class  class
	err    error
	failed *failure // taken: where another run was met
}

func (s *stop) Error() string { return s.err.Error() }

func (s *stop) Unwrap() error { return s.err }

func (r *run) stopFor(ctx context.Context, kind script.OpKind, err error) *stop {
	return &stop{class: classify(ctx, kind, err, false, r.server), err: err}
}

// step sends a step until it is committed, or until its failure is none that trying again would mend.
func (r *run) step(ctx context.Context, s *step) error { return r.steps(ctx, []*step{s}) }

// steps does the same with several, which are sent together. Where one fails, those before it are done and those after it
// were not begun, so that the rest is sent again from there.
func (r *run) steps(ctx context.Context, steps []*step) error {
	var tries tries
	for {
		failed, seen := r.send(ctx, steps)
		if failed == nil {
			for len(r.sent) > 0 {
				r.acknowledge(r.elapsed(), time.Now())
			}
			return nil
		}
		s := failed.step
		if s.Runs != nil && needsNoTransaction(s.Runs, failed) {
			return r.replan(ctx, taken, failed)
		}
		switch result := classify(ctx, failed.operation.Kind, failed.err, seen.exceeded, r.server); result {
		case busy:
			wait, ok := tries.next(s, failed.err, r.sentAt, r.m.options.RetryFor)
			if !ok {
				failed.blockers = seen.blockers
				return r.settle(ctx, failed, final)
			}
			if err := r.abort(ctx); err != nil {
				return r.stopFor(ctx, script.OpFrame, err)
			}
			r.sent = nil
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
			if len(steps) > 1 && (failed.nowhere() || failed.prepares) {
				return r.sendApart(ctx, steps[slices.Index(steps, s):])
			}
			return r.settle(ctx, failed, final)
		case cancelled:
			return r.settle(ctx, failed, cancelled)
		}
	}
}

// sendApart sends each step alone, where a message was refused as a whole and nothing says because of which: a character that
// the database's encoding does not have, or what is too deeply nested to be read. So too where a prepared statement has
// failed: a function may have deallocated it, and the step's own seal says what is wrong with the row.
func (r *run) sendApart(ctx context.Context, steps []*step) error {
	if err := r.abort(ctx); err != nil {
		return r.stopFor(ctx, script.OpFrame, err)
	}
	for _, s := range steps {
		if err := r.step(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// tries are those of a step that finds a lock taken, or meets another one in a catalog.
type tries struct {
	of    *step
	began time.Time
	pause time.Duration
	met   int // in a catalog
}

// next is how long to pause before the step that was sent at that time, and has failed so, is tried again; not ok: it was tried
// for long enough.
func (t *tries) next(s *step, err error, sent time.Time, limit time.Duration) (wait time.Duration, ok bool) {
	if t.of != s {
		*t = tries{of: s, began: sent, pause: 250 * time.Millisecond}
	}
	if metInCatalog(err) {
		t.met++
	}
	wait = jitter(t.pause)
	t.pause = min(2*t.pause, 10*time.Second)
	return wait, time.Since(t.began)+wait <= limit && t.met < catalogTries
}

// replan gives up a step that is certain not to have been done by us: what is left to do is to be found out anew.
func (r *run) replan(ctx context.Context, why class, failed *failure) error {
	r.locked = r.locked && why != locked
	if err := r.abort(ctx); err != nil {
		return r.stopFor(ctx, script.OpFrame, err)
	}
	r.sent = nil
	return &stop{class: why, err: failed.err, failed: failed}
}

// abort ends what an error has left open, and frees what outlives a rollback: in one message, since a pooler gives the
// server's session to somebody else as soon as it is idle.
func (r *run) abort(ctx context.Context) error {
	s := script.Writer{Table: r.table, Pooled: r.pooled(), KeepsLock: r.locked}
	operations := s.Abort()
	if r.within { // what the file has left is for its next statements
		operations = append(s.Rollback(), s.Idle()...)
	}
	_, err := r.worker.Send(ctx, script.Whole(operations)[0].SQL, nil)
	r.prepared.Forget()
	return err
}

// standing says what the database contains of a step that is not done.
func (r *run) standing(failed *failure, h *history.History) string {
	s := failed.step
	switch {
	case s.move == nil:
		return notRecorded
	case failed.ahead > 0 && s.move.Direction == DirectionDown:
		return fmt.Sprintf("not begun; %s is still applied, and so is what was sent together with it (files before it: %d)", s.move.Migration.Version, failed.ahead)
	case failed.ahead > 0:
		return fmt.Sprintf("not begun; nothing of this file was applied, nor of what was sent together with it (files before it: %d)", failed.ahead)
	}
	if file := r.reviews.files[s.move.script().Path]; file != nil && file.Separate != nil {
		p, of := h.ProgressOf(string(s.move.Migration.Version)), ""
		if s.move.Direction == DirectionDown {
			of = "of the down file: "
		}
		if failed.partly && p != nil && p.Started != "" {
			return of + progressPartly(p, file)
		}
		return of + progressStanding(p, file)
	}
	switch {
	case s.move.Direction == DirectionDown:
		return fmt.Sprintf("rolled back; %s is still applied", s.move.Migration.Version)
	case h.Has(string(s.move.Migration.Version)): // repeatable
		return "rolled back; what was applied of it before is still there"
	}
	return rolledBack
}

// settle finds out what a failed or cancelled step has left behind. No error says "rolled back" before the history was
// read: a cancel may come after the commit.
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
		r.sent = nil
		return refused
	}
	if !s.reported() {
		if failed.answered() { // and so begun none of the others
			r.sent = nil
		}
		return r.describe(s.Heading(), &failed.operation, reason)
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
	r.disconnect() // the error came after the commit: what follows gets a session that is sure to be clean
	return &stop{class: taken, err: reason}
}

// jitter spreads pauses, so that those who wait for the same thing do not come back together.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d)
}
