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

// maxMessage bounds a message of several files, in bytes: a server that logs statements, or one that fails, logs all of it.
const maxMessage = 256 << 10

// codeMark is the SQLSTATE by which a step says that it is committed.
const codeMark = "MG000"

// A load is what is to be sent together.
type load struct {
	steps []*step
	size  int
}

// takes reports whether a step can travel with those before it. One direction only: of a version that is reverted and applied
// again the history would not tell whether both was done, or nothing.
func (l *load) takes(s *step) bool {
	if len(l.steps) == 0 {
		return true
	}
	last := l.steps[len(l.steps)-1]
	if last.move != nil && s.move != nil && last.move.Direction != s.move.Direction {
		return false
	}
	return l.size+s.size() <= maxMessage
}

func (l *load) add(s *step) {
	l.steps = append(l.steps, s)
	l.size += s.size()
}

func (s *step) size() (bytes int) {
	for i := range s.operations {
		bytes += len(s.operations[i].sql)
	}
	return bytes
}

// apiece reports whether each step is sent alone. Behind a pooler others wait for the server's session meanwhile, and get it
// between the messages.
func (r *run) apiece() bool { return r.oneByOne() || r.takesLock() }

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
	r.sent = append([]*step{}, steps...)
	w := r.watch(ctx)
	r.follow(w)
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

// land notes that the first of the steps that were sent is committed, and the next one runs.
func (r *run) land(w *watch) {
	s := r.sent[0]
	r.sent = r.sent[1:]
	r.progress(s)
	if len(r.sent) > 0 {
		r.follow(w)
	}
}

// follow notes that the first of the steps that were sent runs now.
func (r *run) follow(w *watch) {
	s := r.sent[0]
	if s.move != nil && !s.part {
		r.starting(s.move)
	}
	if !r.holds {
		r.sentAt = time.Now()
	}
	if w != nil && s.move != nil {
		w.follow(subject{event: r.event(Event{Kind: EventBlocked}, s.move), snapshots: s.patient, limit: r.limit(s)})
	}
}

// watch returns a watch over the steps that are sent; nil where there is no connection for it, or nothing to watch.
func (r *run) watch(ctx context.Context) *watch {
	if r.warden == nil || !slices.ContainsFunc(r.sent, func(s *step) bool { return s.move != nil }) {
		return nil
	}
	w := &watch{warden: r.warden, worker: r.server.PID, report: r.emit}
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
		s := r.sent[0]
		switch {
		case n.Code == codeMark && n.Message == r.mark(s) && len(r.sent) > 1:
			r.land(w)
		case s.move != nil && n.SeverityUnlocalized != "DEBUG":
			r.emit(r.event(Event{Kind: EventNotice, Message: n.SeverityUnlocalized + ": " + n.Message}, s.move))
		}
	}
	answered, err := r.worker.exec(ctx, m.text, nil)
	r.worker.onNotice = nil
	if err == nil {
		return nil
	}
	if len(steps) > 1 {
		for committed := m.committed(answered); len(steps)-len(r.sent) < committed && len(r.sent) > 1; {
			r.land(nil)
		}
	}
	var pg *pgconn.PgError
	errors.As(err, &pg)
	failed := m.locate(answered, err, pg, r.worker.pg.ParameterStatus("server_encoding") == "SQL_ASCII")
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
