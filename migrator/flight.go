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
// whatever its client_min_messages.
func (r *run) cleanUp(s *step) []operation {
	text := literal(strings.ReplaceAll(r.mark(s), "%", "%%") + "%") // to unlock returns nothing, which takes no room
	return append(scripter{}.discard(), clean(block("  raise info "+text+", pg_catalog.pg_advisory_unlock_all() using errcode = '"+codeMark+"';")))
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
	r.turn(w, 0)
	for _, m := range messages {
		if failed = r.exchange(ctx, m, w); failed != nil {
			break
		}
	}
	if w != nil {
		sight = w.stop()
		if r.warden = w.warden; w.err != nil {
			r.dropWarden()
		}
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
	if !r.holds {
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

// watch returns a watch over the steps that are sent; nil where there is no connection for it, or nothing to watch.
func (r *run) watch(ctx context.Context) *watch {
	if r.warden == nil || !slices.ContainsFunc(r.sent, func(s *step) bool { return s.move != nil }) {
		return nil
	}
	w := &watch{warden: r.warden, worker: r.server.PID, report: r.emitUnlessBusy}
	if len(r.sent) > 1 {
		w.anew = r.anotherWarden
	}
	w.start(ctx)
	return w
}

// anotherWarden takes the place of one whose connection was lost while several files run; nil: it cannot. Where another run
// has got the lock meanwhile, it watches without.
func (r *run) anotherWarden(ctx context.Context) *warden {
	s, err := r.m.dial(ctx, r.id, lockRole, false)
	if err != nil {
		return nil
	}
	w := &warden{session: s}
	if same, err := w.try(ctx, r.scripter(&history{table: r.table, server: r.server}), r.server.PID); err != nil || !same {
		w.close()
		return nil
	}
	return w
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
