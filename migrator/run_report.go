package migrator

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// What a run tells: its events, its results, its errors.

// stepError words the failure of a step.
func (r *run) stepError(failed *failure, state string) error {
	if s := failed.step; s.move == nil {
		return fmt.Errorf("%w\nSTATE: %s", r.describe(s.Heading(), &failed.operation, failed.err), state)
	}
	if u := cmp.Or(failed.step.Runs, failed.step.Begins); u != nil && failed.offset < 0 {
		failed.offset = r.offsetOf(failed.step.move, u)
	}
	return r.migrationError(failed.step.move, failed, state)
}

// ended words the end of a run after a step that is done.
func (r *run) ended(s *step, why error) error {
	if s.move == nil {
		return fmt.Errorf("%s: %w\nSTATE: %s", s.Heading(), why, committed)
	}
	return r.newMigrationError(s.move, &failure{err: why, step: s, offset: -1}, committed)
}

// offsetOf is where a file has a statement, as it is now; -1 where it has not.
func (r *run) offsetOf(move *Move, does *sqlfile.Statement) int {
	if file := r.reviews.files[move.script().Path]; file != nil {
		for _, u := range file.Separate {
			if u.Hash == does.Hash {
				return u.Span.Start
			}
		}
	}
	return -1
}

// migrationError words a failure and reports it.
func (r *run) migrationError(move *Move, failed *failure, state string) error {
	e := r.newMigrationError(move, failed, state)
	event := r.event(Event{Kind: EventFailed, Err: e, Elapsed: time.Since(r.sentAt)}, move)
	event.Index += failed.ahead
	r.emit(event)
	return e
}

func (r *run) newMigrationError(move *Move, failed *failure, state string) *MigrationError {
	script := move.script()
	e := &MigrationError{Version: move.Migration.Version, Direction: move.Direction, Path: script.Path, State: state, Blockers: failed.blockers, Err: r.hint(&failed.operation, failed.err)}
	if failed.offset >= 0 {
		e.Line, e.Column = sqllex.Position(script.SQL, failed.offset)
		e.Source = sourceLine(script.SQL, failed.offset)
	}
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

// progress notes that a step is done, after so long.
func (r *run) progress(s *step, took time.Duration) {
	r.waiting = waiting{}
	switch {
	case s.Runs != nil:
		r.emit(r.event(Event{Kind: EventStatement, Statement: s.Number, Statements: s.Of}, s.move))
		r.advanced()
	case s.reported() && !s.Part:
		r.finish(s, took)
	}
}

// advanced begins to count troubles anew.
func (r *run) advanced() {
	r.lostIn = nil
	r.reconnects.progress()
	r.conflicts = 0
}

func (r *run) finish(s *step, took time.Duration) {
	for i := range s.changes {
		c := &s.changes[i]
		r.emit(Event{Kind: EventRecorded, Version: c.version(), Change: c})
		r.results = append(r.results, Result{Version: c.version(), Change: c})
	}
	if move := s.move; move != nil {
		r.emit(r.event(Event{Kind: EventFinished, Elapsed: took}, move))
		r.results = append(r.results, Result{Version: move.Migration.Version, Direction: move.Direction, Elapsed: took})
	}
	r.begun = ""
	r.advanced()
	if len(r.fixed) > 0 {
		r.fixed = r.fixed[1:]
	}
}

// describe words the failure of what is the tool's own.
func (r *run) describe(what string, o *script.Op, err error) error {
	return describeError(what, r.hint(o, err))
}

// describeError adds what the server says beyond its message.
func describeError(what string, err error) error {
	var pg *pgconn.PgError
	var notes strings.Builder
	if errors.As(err, &pg) {
		writeNote(&notes, "DETAIL", pg.Detail)
		writeNote(&notes, "HINT", pg.Hint)
	}
	return fmt.Errorf("%s: %w%s", what, err, notes.String())
}
