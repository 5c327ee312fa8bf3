package migrator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

const (
	rolledBack = "rolled back; nothing of this file was applied"
	committed  = "committed"
	unsettled  = "not known, the server could not be asked; run it again, the history decides"
)

// A stop ends an attempt for a reason that Run.again knows what to do about.
type stop struct {
	outcome outcome
	err     error
}

func (s *stop) Error() string { return s.err.Error() }

func (s *stop) Unwrap() error { return s.err }

func (r *run) stopFor(ctx context.Context, kind operationKind, err error) *stop {
	return &stop{outcome: judgeError(ctx, kind, err, false, r.server), err: err}
}

// step sends a step until it is committed, or until its failure is none that trying again would mend.
func (r *run) step(ctx context.Context, s *step) error {
	began := time.Now()
	for pause := 250 * time.Millisecond; ; pause = min(2*pause, 10*time.Second) {
		failed, seen := r.send(ctx, s)
		if failed == nil {
			r.progress(s)
			return r.checkWarden()
		}
		if s.does != nil && s.does.needsNoTransaction(failed) {
			return r.replan(ctx, failed.err)
		}
		switch result := judgeError(ctx, failed.operation.kind, failed.err, seen.exceeded, r.server); result {
		case busy:
			wait := jitter(pause)
			if time.Since(began)+wait > r.m.options.RetryFor {
				failed.blockers = seen.blockers
				return r.settle(ctx, s, failed, final)
			}
			if err := r.abandon(ctx); err != nil {
				return r.stopFor(ctx, opFrame, err)
			}
			r.sent = nil
			r.emit(r.event(Event{Kind: EventRetrying, Err: failed.err, Pause: wait, Backends: seen.blockers}, s.move))
			if err := r.pause(ctx, wait); err != nil {
				return r.settle(ctx, s, failed, cancelled)
			}
		case taken, locked:
			if err := r.replan(ctx, failed.err); result == taken {
				return err
			}
			return &stop{outcome: locked, err: failed.err}
		case lost:
			r.lostIn = failed
			return &stop{outcome: lost, err: failed.err}
		case cancelled, final:
			return r.settle(ctx, s, failed, result)
		}
	}
}

// replan gives up a step that is certain not to have been done by us: what is left to do is to be found out anew.
func (r *run) replan(ctx context.Context, err error) error {
	if err := r.abandon(ctx); err != nil {
		return r.stopFor(ctx, opFrame, err)
	}
	r.sent = nil
	return &stop{outcome: taken, err: err}
}

// seen is what the watch saw while something was sent.
type seen struct {
	exceeded bool
	blockers []Backend
}

// send sends a step's messages and waits for their answers; nil is success.
func (r *run) send(ctx context.Context, s *step) (failed *failure, sight seen) {
	messages := whole(s.operations)
	if r.oneByOne() || s.alone {
		messages = oneByOne(s.operations)
	}
	if s.move != nil {
		r.sent = s
	}
	if !r.holds {
		r.sentAt = time.Now()
	}
	if r.warden != nil && s.move != nil {
		w := &watch{warden: r.warden, worker: r.server.PID, limit: r.limit(s), snapshots: s.patient, report: func(blockers []Backend, waited time.Duration) {
			r.emit(r.event(Event{Kind: EventBlocked, Backends: blockers, Elapsed: waited}, s.move))
		}}
		w.start(ctx)
		defer func() {
			w.stop()
			sight = seen{exceeded: w.exceeded, blockers: w.blockers}
			if w.err != nil {
				r.dropWarden()
			}
		}()
	}
	for _, m := range messages {
		if failed = r.exchange(ctx, m, s.move); failed != nil {
			break
		}
	}
	return failed, sight
}

// exchange sends one message and reads its answer.
func (r *run) exchange(ctx context.Context, m message, move *Move) *failure {
	r.worker.onNotice = func(n *pgconn.Notice) {
		if move != nil && n.SeverityUnlocalized != "DEBUG" {
			r.emit(r.event(Event{Kind: EventNotice, Message: n.SeverityUnlocalized + ": " + n.Message}, move))
		}
	}
	answered, err := r.worker.exec(ctx, m.text, nil)
	r.worker.onNotice = nil
	if err == nil {
		return nil
	}
	var pg *pgconn.PgError
	errors.As(err, &pg)
	return m.locate(answered, err, pg, r.worker.pg.ParameterStatus("server_encoding") == "SQL_ASCII")
}

// limit is how long all waits of a step for locks may take together.
func (r *run) limit(s *step) time.Duration {
	if s.patient {
		return 0
	}
	return s.move.script().lockTimeout(r.m.options.LockTimeout)
}

// abandon ends what an error has left open, and frees what outlives a rollback: in one message, since a pooler gives the
// server's session to somebody else as soon as it is idle.
func (r *run) abandon(ctx context.Context) error {
	s := scripter{pooled: r.pooled()}
	operations := s.abandon()
	if r.holds { // the lock is the session's
		operations = s.rollback()
	}
	_, err := r.worker.exec(ctx, whole(operations)[0].text, nil)
	return err
}

// standing says what the database contains of a migration that is not done.
func (r *run) standing(move *Move, h *history) string {
	if file := r.reviews[move.script().Path]; file != nil && file.units != nil {
		return h.progressOf(move.Migration.Version).standing(file)
	}
	return rolledBack
}

// settle finds out what a failed or cancelled step has left behind. No error says "rolled back" before the history was
// read: a cancel may come after the commit.
func (r *run) settle(ctx context.Context, s *step, failed *failure, why outcome) error {
	cause := failed.err
	if why == cancelled {
		cause = context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*cancelGrace)
	defer cancel()
	if err := r.abandon(ctx); err != nil {
		r.hangUp()
	}
	if s.move == nil {
		return r.explain(s.title, cause)
	}
	h, err := r.readHistory(ctx)
	switch {
	case err != nil:
		failed.err = errors.Join(cause, ErrUnsettled)
		return r.migrationError(s.move, failed, unsettled)
	case !s.move.done(h):
		failed.err = cause
		return r.migrationError(s.move, failed, r.standing(s.move, h))
	case why == cancelled:
		return r.migrationError(s.move, &failure{err: cause, offset: -1}, committed)
	}
	r.hangUp() // the error came after the commit: what follows gets a session that is sure to be clean
	return &stop{outcome: taken, err: cause}
}

// migrationError words a failure and reports it.
func (r *run) migrationError(move *Move, failed *failure, state string) error {
	script := move.script()
	e := &MigrationError{Version: move.Migration.Version, Direction: move.Direction, Path: script.Path, State: state, Blockers: failed.blockers, Err: r.hint(failed.operation.kind, failed.err)}
	if failed.offset >= 0 {
		e.Line, e.Column = sqllex.Position(script.SQL, failed.offset)
		e.Source = sourceLine(script.SQL, failed.offset)
	}
	r.emit(r.event(Event{Kind: EventFailed, Err: e, Elapsed: time.Since(r.sentAt)}, move))
	return e
}

// event fills in which migration an event is about.
func (r *run) event(e Event, move *Move) Event {
	e.Index, e.Total = len(r.results)+1, r.total
	if move != nil {
		e.Version, e.Direction = move.Migration.Version, move.Direction
	}
	return e
}

// starting reports a migration once, however often it is tried.
func (r *run) starting(move *Move) {
	if r.begun == move.Migration.Version {
		return
	}
	r.begun, r.sentAt = move.Migration.Version, time.Now()
	r.emit(r.event(Event{Kind: EventStarted}, move))
}

// progress notes that a step is done.
func (r *run) progress(s *step) {
	r.sent, r.waiting = nil, waiting{}
	switch {
	case s.does != nil:
		r.emit(r.event(Event{Kind: EventStatement, Statement: s.number, Statements: s.of}, s.move))
		r.advanced()
	case s.move != nil && !s.part:
		r.finish(s.move)
	}
}

// advanced begins to count troubles anew.
func (r *run) advanced() {
	r.lostIn = nil
	r.losses.progress()
	r.conflicts = 0
}

func (r *run) finish(move *Move) {
	elapsed := time.Since(r.sentAt)
	r.emit(r.event(Event{Kind: EventFinished, Elapsed: elapsed}, move))
	r.results = append(r.results, Result{Version: move.Migration.Version, Direction: move.Direction, Elapsed: elapsed})
	r.sent, r.begun = nil, ""
	r.advanced()
	if len(r.fixed) > 0 {
		r.fixed = r.fixed[1:]
	}
}

// explain words the failure of what is the tool's own.
func (r *run) explain(what string, err error) error {
	var pg *pgconn.PgError
	var notes strings.Builder
	if errors.As(r.hint(opClaim, err), &pg) {
		writeNote(&notes, "DETAIL", pg.Detail)
		writeNote(&notes, "HINT", pg.Hint)
	}
	return fmt.Errorf("%s: %w%s", what, err, notes.String())
}

// jitter spreads pauses, so that those who wait for the same thing do not come back together.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d)
}
