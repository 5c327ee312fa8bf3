package migrator

import (
	"fmt"
	"sync"
	"time"
)

// A reporter sends events to the observer and collects the results.
type reporter struct {
	observe func(Event)
	mu      sync.Mutex // the watch reports from its own goroutine

	began   time.Time
	results []Result
	total   int             // moves of the whole run, by the last plan
	planned int             // moves and changes of the first plan; -1: none was announced yet
	begun   Version         // the migration that was reported as started and is not finished yet
	warned  map[string]bool // warnings that were reported
}

// emit sends an event to the observer and waits for it.
func (r *reporter) emit(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.observe(e)
}

// emitUnlessBusy drops the event if the observer is busy with another one: the watch must not wait for the observer.
func (r *reporter) emitUnlessBusy(e Event) (reported bool) {
	if !r.mu.TryLock() {
		return false
	}
	defer r.mu.Unlock()
	r.observe(e)
	return true
}

// event sets the fields of an event that say which migration it is about.
func (r *reporter) event(e Event, move *Move) Event {
	e.Index, e.Total = len(r.results)+1, r.total
	if move != nil {
		e.Version, e.Direction = move.Migration.Version, move.Direction
	}
	return e
}

// starting reports the start of a migration, but only once if it is retried.
func (r *reporter) starting(move *Move) {
	if r.begun == move.Migration.Version {
		return
	}
	r.begun = move.Migration.Version
	r.emit(r.event(Event{Kind: EventStarted}, move))
}

// statement reports that a statement of a no-transaction file is done.
func (r *reporter) statement(s *step) {
	r.emit(r.event(Event{Kind: EventStatement, Statement: s.Number, Statements: s.Of}, s.move))
}

// finish reports that a step is committed, and adds its results. took is 0 if it is not known.
func (r *reporter) finish(s *step, took time.Duration) {
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
}

// warn reports each warning once per run.
func (r *reporter) warn(warnings []string) {
	for _, warning := range warnings {
		if !r.warned[warning] {
			r.warned[warning] = true
			r.emit(Event{Kind: EventWarning, Message: warning})
		}
	}
}

// announce reports the first plan, and the warnings of each plan.
func (r *reporter) announce(plan *Plan) {
	if r.planned < 0 {
		r.planned = len(plan.Moves) + len(plan.Changes)
		direction := plan.Target.direction()
		if r.planned == 0 { // of a redo: there is nothing to revert
			direction = plan.Target.first()
		}
		event := Event{Kind: EventPlanned, Direction: direction, Total: r.planned}
		switch {
		case r.planned == 0:
			event.Message = plan.Target.nothing()
		case plan.Target.first() != direction:
			event.Message = fmt.Sprintf("Migrations to revert and to apply: %d", r.planned)
		}
		r.emit(event)
	}
	r.warn(plan.Warnings)
}

// done reports the end of the run. If it has no results, another run may have done what was planned.
func (r *reporter) done(target Target) {
	switch {
	case len(r.results) > 0:
		r.emit(Event{Kind: EventDone, Direction: target.direction(), Total: len(r.results), Elapsed: time.Since(r.began), Message: target.summary(r.results)})
	case r.planned > 0:
		r.emit(Event{Kind: EventPlanned, Direction: target.direction(), Message: target.nothing()})
	}
}
