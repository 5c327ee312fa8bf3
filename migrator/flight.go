package migrator

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// What is sent together, and what is heard of it before the server has answered all: it holds its answers back until they
// fill its buffer or the message ends, but not what is raised.

// codeMark is the SQLSTATE by which a step says that it is committed.
const codeMark = "MG000"

// cleanUp cleans up after a step that is followed by another one, and says that it is committed. INFO reaches every client,
// whatever its client_min_messages. Advisory locks that a function has taken, of which the file says nothing, are freed when
// the message ends: to free them costs a fifth of what a small file does, and later files of the session do not meet them.
func (r *run) cleanUp(s *step) []operation {
	frame := scripter{table: r.table, keepsLock: true}
	text, value := strings.ReplaceAll(r.mark(s), "%", "%%"), ""
	if s.move != nil && strings.Contains(strings.ToLower(s.move.script().SQL), "advisory") {
		text, value = text+"%", ", "+frame.unlock()
	}
	return append(frame.discard(), clean(block("  raise info "+literal(text)+value+" using errcode = '"+codeMark+"';")))
}

// mark says that a step is committed. No file says it by accident.
func (r *run) mark(s *step) string { return "migrator " + r.id + ": committed: " + s.title }

// send sends steps and waits for their answers; nil is success. Where several are sent, those that are committed are reported
// as soon as it is known.
func (r *run) send(ctx context.Context, steps []*step) (failed *failure, sight seen) {
	var messages []message
	switch first := steps[0]; {
	case len(steps) > 1:
		messages = []message{together(steps, r.cleanUp)}
	case r.oneByOne() || first.alone:
		messages = oneByOne(first.operations)
	default:
		messages = whole(first.operations)
	}
	r.sent = steps
	r.begin()
	w := r.watch(ctx)
	if w != nil {
		defer func() { // also where an observer panics
			sight = w.stop()
			r.watcher = w.session
		}()
	}
	r.turn(w, 0)
	after := false
	for _, m := range messages {
		if failed = r.exchange(ctx, m, w); failed != nil {
			failed.after = after
			break
		}
		after = after || m.parts[0].operation.kind == opFile
	}
	return failed, sight
}

// land notes that the first of the steps that were sent is committed, and the next one runs. The watch is told first: the
// server does not wait for observers.
func (r *run) land(w *watch) {
	s := r.sent[0]
	r.sent = r.sent[1:]
	if len(r.sent) > 0 {
		r.turn(w, 1)
	}
	r.progress(s)
	if len(r.sent) > 0 {
		r.begin()
	}
}

// begin notes that the first of the steps that were sent runs now.
func (r *run) begin() {
	if s := r.sent[0]; s.move != nil && !s.part {
		r.starting(s.move)
	}
	if !r.within {
		r.sentAt = time.Now()
	}
}

// turn has the watch follow the first of the steps that were sent; so many before it are not among the results yet.
func (r *run) turn(w *watch, before int) {
	if s := r.sent[0]; w != nil && s.move != nil {
		e := r.event(Event{Kind: EventBlocked}, s.move)
		e.Index += before
		w.follow(subject{event: e, snapshots: s.patient, limit: r.limit(s)})
	}
}

// watch returns a watch over the steps that are sent; nil where there is nothing to watch. Behind a pooler two connections a
// run would starve a small pool.
func (r *run) watch(ctx context.Context) *watch {
	if r.pooled() || !slices.ContainsFunc(r.sent, func(s *step) bool { return s.move != nil }) {
		return nil
	}
	w := &watch{session: r.watcher, worker: r.server.PID, report: r.emitUnlessBusy, dial: r.dialWatcher}
	w.start(ctx)
	return w
}

// serverStart is an expression for when the server was started: which one it is.
const serverStart = "pg_catalog.to_char(pg_catalog.timezone('utc', pg_catalog.pg_postmaster_start_time()), 'YYYY-MM-DD HH24:MI:SS.US')"

// dialWatcher opens the connection from which the worker is watched. It touches no table and leaves no transaction open: a
// CREATE INDEX CONCURRENTLY of the worker would wait for its snapshot, and so for ever.
func (r *run) dialWatcher(ctx context.Context) (*session, error) {
	s, err := r.m.dial(ctx, r.id, watchRole, false)
	if err != nil {
		return nil, err
	}
	settings := append(r.scripter(&history{table: r.table, server: r.server}).sessionSettings(""),
		"set idle_session_timeout = 0", "select "+serverStart)
	if r.guards {
		settings = append(settings, r.guardSQL())
	}
	rows, err := s.rows(ctx, strings.Join(settings, ";\n"))
	if err == nil && rows[0][0] != r.server.ServerStart {
		err = errors.New("the connection string has led to another server, from which nobody sees what a file waits for")
		if !r.warned[err.Error()] {
			r.warned[err.Error()] = r.emitUnlessBusy(Event{Kind: EventWarning, Message: err.Error()})
		}
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// limit is how long all waits of a step for locks may take together.
func (r *run) limit(s *step) time.Duration {
	if s.patient {
		return 0
	}
	return s.move.script().lockTimeout(r.m.options.LockTimeout)
}

// exchange sends one message and reads its answer.
func (r *run) exchange(ctx context.Context, m message, w *watch) *failure {
	steps := r.sent
	r.worker.onNotice = func(n *pgconn.Notice) {
		if n.Code == codeMark && n.Message == r.mark(r.sent[0]) && len(r.sent) > 1 {
			r.land(w)
		} else if s := r.noticed(m, n); s.move != nil && n.SeverityUnlocalized != "DEBUG" {
			r.emit(r.event(Event{Kind: EventNotice, Message: n.SeverityUnlocalized + ": " + n.Message}, s.move))
		}
	}
	answered, err := r.worker.exec(ctx, m.text, nil)
	r.worker.onNotice = nil
	if err == nil {
		return nil
	}
	for committed := m.committed(answered); len(steps)-len(r.sent) < committed && len(r.sent) > 1; {
		r.land(nil)
	}
	var pg *pgconn.PgError
	errors.As(err, &pg)
	failed := m.locate(answered, err, pg, r.countsBytes())
	if failed.step == nil || pg == nil { // what was said last is newer than the answers
		failed.step = r.sent[0]
	}
	if failed.unread {
		for _, s := range steps[:slices.Index(steps, failed.step)] {
			if s.settles() {
				failed.ahead++
			}
		}
	}
	return failed
}

// noticed finds the step that a notice is about: the one that runs, but where the server says what it has found when it read
// the message, before it ran any of it. Of a name that is too long it does not say the place.
func (r *run) noticed(m message, n *pgconn.Notice) *step {
	if len(r.sent) == 1 {
		return r.sent[0]
	}
	if n.Position > 0 {
		if s := m.locate(0, nil, (*pgconn.PgError)(n), r.countsBytes()).step; s != nil {
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
	return r.worker.pg.ParameterStatus("server_encoding") == "SQL_ASCII"
}
