package migrator

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	rolledBack  = "rolled back; nothing of this file was applied"
	notRecorded = "rolled back; nothing was recorded"
	committed   = "committed"
	unsettled   = "not known, the server could not be asked; run it again, the history decides"
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
			if err := sleep(ctx, wait); err != nil {
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
	if s.settles() {
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

// standing says what the database contains of a step that is not done.
func (r *run) standing(s *step, h *history) string {
	if s.move == nil {
		return notRecorded
	}
	if file := r.reviews[s.move.script().Path]; file != nil && file.units != nil {
		return h.progressOf(s.move.Migration.Version).standing(file)
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
	if !s.settles() {
		return r.explain(s.title, cause)
	}
	h, err := r.readHistory(ctx)
	switch {
	case err != nil:
		failed.err = errors.Join(cause, ErrUnsettled)
		return r.stepError(s, failed, unsettled)
	case !s.done(h):
		failed.err = cause
		return r.stepError(s, failed, r.standing(s, h))
	case why == cancelled:
		return r.stepError(s, &failure{err: cause, offset: -1}, committed)
	}
	r.hangUp() // the error came after the commit: what follows gets a session that is sure to be clean
	return &stop{outcome: taken, err: cause}
}

// jitter spreads pauses, so that those who wait for the same thing do not come back together.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d)
}
