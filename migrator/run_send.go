package migrator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

// send sends steps and waits for their answers; nil is success. Where several are sent, those that are committed are reported
// as soon as it is known.
func (r *run) send(ctx context.Context, steps []*step) (failed *failure, sight watchResult) {
	var messages []script.Message
	switch first := steps[0]; {
	case len(steps) > 1:
		messages = []script.Message{r.scripter(&history.History{Table: r.table, Server: r.server}).Batch(scriptSteps(steps), &r.prepared)}
	case r.oneByOne() || first.Alone:
		messages = script.OneByOne(first.LayOut())
	default:
		messages = script.Whole(first.LayOut())
	}
	if len(steps) == 1 { // what it ends with deallocates, or it is followed by what does
		r.prepared.Forget()
	}
	r.sent = steps
	r.begin(time.Now())
	w := r.watch(ctx)
	r.startFlight(w)
	defer func() { // also where an observer panics
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
			failed.after = file >= 0 && i > file
			break
		}
	}
	return failed, sight
}

// lastOfFile returns which message is the last one of the file: before a statement come its settings. -1: there is none.
func lastOfFile(messages []script.Message) int {
	for i := len(messages) - 1; i >= 0; i-- {
		if messages[i].Parts[0].Op.Kind == script.OpFile {
			return i
		}
	}
	return -1
}

// watch returns a watch over the steps that are sent; nil where there is nothing to watch. Behind a pooler two connections a
// run would starve a small pool.
func (r *run) watch(ctx context.Context) *watch {
	if r.pooled() || r.sent[0].Unwatched || !slices.ContainsFunc(r.sent, func(s *step) bool { return s.move != nil }) {
		return nil
	}
	w := &watch{session: r.watcher, worker: r.server.PID, report: r.emitUnlessBusy, dial: r.dialWatcher, runs: r.runs, steps: r.watchedSteps()}
	w.start(ctx)
	return w
}

// dialWatcher opens the connection from which the worker is watched. It touches no table and leaves no transaction open: a
// CREATE INDEX CONCURRENTLY of the worker would wait for its snapshot, and so for ever.
func (r *run) dialWatcher(ctx context.Context) (*pgsession.Session, error) {
	s, err := r.m.dial(ctx, r.id, watchRole, false)
	if err != nil {
		return nil, err
	}
	settings := append(r.scripter(&history.History{Table: r.table, Server: r.server}).SessionSettings(""),
		"set idle_session_timeout = 0", "select "+history.ServerStart)
	if r.guards {
		settings = append(settings, r.guardSQL())
	}
	rows, err := s.Rows(ctx, strings.Join(settings, ";\n"))
	if err == nil && rows[0][0] != r.server.ServerStart {
		err = errors.New("the connection string has led to another server, from which nobody sees what a file waits for")
		if !r.warned[err.Error()] {
			r.warned[err.Error()] = r.emitUnlessBusy(Event{Kind: EventWarning, Message: err.Error()})
		}
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// exchange sends one message and reads its answer.
func (r *run) exchange(ctx context.Context, m script.Message) *failure {
	steps := r.sent
	r.worker.OnNotice = func(n *pgconn.Notice) {
		r.flight.Lock()
		defer r.flight.Unlock()
		if s := r.noticed(m, n); s.move != nil && n.SeverityUnlocalized != "DEBUG" {
			r.emit(r.event(Event{Kind: EventNotice, Message: n.SeverityUnlocalized + ": " + n.Message}, s.move))
		}
	}
	answered, err := r.worker.Send(ctx, m.SQL, r.readClocks(m.Clocks()))
	r.worker.OnNotice = nil
	r.flight.stop()
	if err == nil {
		return nil
	}
	for committed := m.Committed(answered); r.acknowledged() < committed && len(r.sent) > 1; {
		r.acknowledge(r.elapsed(), time.Now())
	}
	var pg *pgconn.PgError
	errors.As(err, &pg)
	failed := r.locate(m, answered, err, pg)
	if failed.unread {
		for _, s := range steps[:slices.Index(steps, failed.step)] {
			if s.reported() {
				failed.ahead++
			}
		}
	}
	return failed
}

// noticed finds the step that a notice is about: the one that runs, but where the server says what it has found when it read
// the message, before it ran any of it. Of a name that is too long it does not say the place.
func (r *run) noticed(m script.Message, n *pgconn.Notice) *step {
	if len(r.sent) == 1 {
		return r.sent[0]
	}
	if n.Position > 0 {
		if s := stepOf(r.flight.steps, m.Locate(0, int(n.Position), r.countsBytes()).Step); s != nil {
			return s
		}
	}
	if n.Code == "42622" { // name too long
		_, rest, _ := strings.Cut(n.Message, "\"")
		name, _, _ := strings.Cut(rest, "\"")
		for _, s := range r.sent {
			if s.move != nil && strings.Contains(s.move.script().SQL, name) {
				return s
			}
		}
	}
	return r.sent[0]
}

// countsBytes reports whether the server's positions are bytes, where its encoding knows no characters.
func (r *run) countsBytes() bool {
	return r.worker.CountsBytes()
}

// sayWhy replaces what the server says of our own cancel: that a user has asked for it.
func (f *failure) sayWhy(limit time.Duration) {
	var pg *pgconn.PgError
	if errors.As(f.err, &pg) && pg.Code == "57014" {
		pg.Message = fmt.Sprintf("gave up after waiting %s for locks, all waits of the file together", limit)
	}
}

// locate finds out which step of those that were sent has failed, and where.
func (r *run) locate(m script.Message, answered int, err error, pg *pgconn.PgError) *failure {
	position := 0
	if pg != nil {
		position = int(pg.Position)
	}
	at := m.Locate(answered, position, r.countsBytes())
	failed := &failure{err: err, step: stepOf(r.flight.steps, at.Step), operation: at.Op, offset: at.Offset, prepares: at.Prepares, unread: at.Unread}
	if failed.step == nil || pg == nil { // what was said last is newer than the answers
		failed.step = r.sent[0]
	}
	return failed
}

// stepOf finds the step that sends a part of the script; nil: there is none.
func stepOf(steps []*step, part *script.Step) *step {
	if i := slices.IndexFunc(steps, func(s *step) bool { return s.Step == part }); i >= 0 {
		return steps[i]
	}
	return nil
}

func scriptSteps(steps []*step) []*script.Step {
	parts := make([]*script.Step, len(steps))
	for i, s := range steps {
		parts[i] = s.Step
	}
	return parts
}
