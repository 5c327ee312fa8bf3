package migrator

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
)

// sendsAlone reports whether each step travels alone. Behind a pooler other clients wait for the server's session, and get it
// between our messages.
func (r *run) sendsAlone() bool { return r.oneByOne() || r.pooled() }

// oneByOne reports whether each statement travels in a message of its own.
func (r *run) oneByOne() bool { return r.m.options.OneByOne || r.server.Citus }

// sendPlan sends the steps of a plan, as many in one message as possible.
func (r *run) sendPlan(ctx context.Context, plan *Plan) error {
	r.total = len(r.results) + len(plan.Moves)
	r.results = slices.Grow(r.results, len(plan.Moves))
	ready := batch{limit: maxMessage}
	if !r.prepared.Began {
		ready.limit, r.prepared.Began = firstMessage, true
	}
	var begun *Move // the no-transaction file that runs; it takes all its steps
	for s := range plan.steps {
		if s.move != nil && s.move == begun {
			continue
		}
		if s.Part || !ready.fits(s) || r.sendsAlone() {
			if err := r.flush(ctx, &ready); err != nil {
				return err
			}
		}
		if s.Part {
			begun = s.move
			r.starting(s.move)
			if err := runNoTransaction(ctx, r, s); err != nil {
				return err
			}
		} else {
			ready.add(s)
		}
		if !r.server.Citus && s.move != nil && r.file(s.move).MakesCitus() {
			if err := r.flush(ctx, &ready); err != nil {
				return err
			}
			return &stop{class: taken, err: errors.New("the server has Citus now, and is to be looked at again")}
		}
	}
	return r.flush(ctx, &ready)
}

// flush sends the batch and empties it.
func (r *run) flush(ctx context.Context, ready *batch) error {
	steps := ready.steps
	if *ready = (batch{limit: maxMessage}); len(steps) == 0 {
		return nil
	}
	return r.sendSteps(ctx, steps)
}

// send sends steps and waits for their answers; a nil failure is success. If there are several, each one is reported as soon as
// it is known to be committed.
func (r *run) send(ctx context.Context, steps []*step) (failed *failure, sight watchResult) {
	var messages []script.Message
	switch first := steps[0]; {
	case len(steps) > 1:
		messages = []script.Message{script.Batch(scriptSteps(steps), &r.prepared)}
	case r.oneByOne() || first.Alone:
		messages = script.OneByOne(first.LayOut())
	default:
		messages = script.Whole(first.LayOut())
	}
	if len(steps) == 1 { // the step deallocates at its end, or the next message does
		r.prepared.Forget()
	}
	r.flight.sent = steps
	r.flight.begin(time.Now())
	w := r.watch(ctx)
	r.flight.start(w, len(r.results))
	defer func() { // also if an observer panics
		r.flight.stop()
		if w != nil {
			sight = w.stop()
			r.watcher = w.session
			if failed != nil && sight.exceeded {
				failed.sayWhy(w.current.limit)
			}
		}
	}()
	file := lastOfFile(messages)
	for i, m := range messages {
		if failed = r.exchange(ctx, m); failed != nil {
			failed.afterFile = file >= 0 && i > file
			break
		}
	}
	return failed, sight
}

// watch starts a watch over the steps in flight. It returns nil if there is nothing to watch, and behind a pooler, because two
// connections per run would starve a small pool.
func (r *run) watch(ctx context.Context) *watch {
	if r.pooled() || r.flight.sent[0].Unwatched || !slices.ContainsFunc(r.flight.sent, func(s *step) bool { return s.move != nil }) {
		return nil
	}
	steps := watchedSteps{
		steps: r.flight.sent, runID: r.id, event: r.event(Event{Kind: EventBlocked}, nil), results: len(r.results), lockTimeout: r.m.options.LockTimeout,
	}
	w := &watch{session: r.watcher, worker: r.server.PID, report: r.emitUnlessBusy, dial: r.openWatcher, sawRunning: r.flight.sawRunning, steps: steps}
	w.start(ctx)
	return w
}

// openWatcher dials the watcher. It warns once if it has reached another server.
func (r *run) openWatcher(ctx context.Context) (*pgsession.Session, error) {
	s, err := r.dialWatcher(ctx)
	if errors.Is(err, errOtherServer) && !r.warned[err.Error()] {
		r.warned[err.Error()] = r.emitUnlessBusy(Event{Kind: EventWarning, Message: err.Error()})
	}
	return s, err
}

// exchange sends one message and reads its answer.
func (r *run) exchange(ctx context.Context, m script.Message) *failure {
	steps := r.flight.sent
	r.worker.OnNotice = func(n *pgconn.Notice) {
		r.flight.Lock()
		defer r.flight.Unlock()
		if s := r.noticed(m, n); s.move != nil && n.SeverityUnlocalized != "DEBUG" {
			r.emit(r.event(Event{Kind: EventNotice, Message: n.SeverityUnlocalized + ": " + n.Message}, s.move))
		}
	}
	answered, err := r.worker.Send(ctx, m.SQL, r.flight.readClocks(m.Clocks()))
	r.worker.OnNotice = nil
	r.flight.stop()
	if err == nil {
		return nil
	}
	for committed := m.Committed(answered); r.flight.acknowledged() < committed && len(r.flight.sent) > 1; {
		r.flight.acknowledge(r.flight.elapsed(), time.Now())
	}
	var pg *pgconn.PgError
	errors.As(err, &pg)
	failed := r.locate(m, answered, err, pg)
	if failed.unread {
		for _, s := range steps[:slices.Index(steps, failed.step)] {
			if s.reported() {
				failed.stepsBefore++
			}
		}
	}
	return failed
}

// noticed returns the step that a notice is about. Usually that is the step that runs. But the server also sends notices while
// it reads the message, before it runs any of it. Those have a position, except the one about a name that is too long.
func (r *run) noticed(m script.Message, n *pgconn.Notice) *step {
	if len(r.flight.sent) == 1 {
		return r.flight.sent[0]
	}
	if n.Position > 0 {
		if s := stepOf(r.flight.steps, m.Locate(0, int(n.Position), r.worker.CountsBytes()).Step); s != nil {
			return s
		}
	}
	if n.Code == sqlstate.NameTooLong {
		_, rest, _ := strings.Cut(n.Message, "\"")
		name, _, _ := strings.Cut(rest, "\"")
		for _, s := range r.flight.sent {
			if s.move != nil && strings.Contains(s.move.script().SQL, name) {
				return s
			}
		}
	}
	return r.flight.sent[0]
}

// locate finds out which of the steps in flight has failed, and where.
func (r *run) locate(m script.Message, answered int, err error, pg *pgconn.PgError) *failure {
	position := 0
	if pg != nil {
		position = int(pg.Position)
	}
	at := m.Locate(answered, position, r.worker.CountsBytes())
	failed := &failure{err: err, step: stepOf(r.flight.steps, at.Step), operation: at.Op, offset: at.Offset, prepares: at.Prepares, unread: at.Unread}
	if failed.step == nil || pg == nil { // the flight knows more than the answers
		failed.step = r.flight.sent[0]
	}
	return failed
}
