package migrator

import (
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

// watchedSteps are the steps in flight as the watch sees them. Their names and limits are computed only when it looks.
type watchedSteps struct {
	steps       []*step
	runID       string
	event       Event         // the fields that all events about them share
	results     int           // how many results the run had before them
	lockTimeout time.Duration // Config.LockTimeout, for files without their own
}

// A watchedStep is the step that runs.
type watchedStep struct {
	index   int           // in the flight; -1: none
	patient bool          // it waits for others' transactions, as CONCURRENTLY does
	limit   time.Duration // for the sum of the waits that hold up others; 0: none
}

// at returns the step at an index. A step of the tool's own has no limit.
func (s *watchedSteps) at(index int) watchedStep {
	st := s.steps[index]
	if st.move == nil {
		return watchedStep{index: index}
	}
	return watchedStep{index: index, patient: st.Patient, limit: st.move.script().lockTimeout(s.lockTimeout)}
}

// named returns the index of the first step, from an index on, that has this application_name; -1 if there is none.
func (s *watchedSteps) named(application string, from int) int {
	for i := from; i < len(s.steps); i++ {
		if move := s.steps[i].move; move != nil && script.ApplicationName(s.runID, string(move.Migration.Version)) == application {
			return i
		}
	}
	return -1
}

// blocked returns the event about who is in the way of a step.
func (s *watchedSteps) blocked(index int) Event {
	e := s.event
	e.Index = s.results + results(s.steps[:index]) + 1
	if move := s.steps[index].move; move != nil {
		e.Version, e.Direction = move.Migration.Version, move.Direction
	}
	return e
}
