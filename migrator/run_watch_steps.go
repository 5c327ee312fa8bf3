package migrator

import (
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

// Subjects are what a watch may see running: the steps that are sent, in their order. They are made when somebody looks.
type watchedSteps struct {
	steps       []*step
	runID       string
	event       Event // what the events about them have in common
	results     int   // of the run, before
	lockTimeout time.Duration
}

// A watchedStep is the file that runs.
type watchedStep struct {
	index   int           // in the steps; -1: none
	patient bool          // it waits for others' transactions, as CONCURRENTLY does
	limit   time.Duration // for all waits together that hold up others; 0: none
}

// at returns the subject at an index; that of a step of the tool's own has no limit.
func (s *watchedSteps) at(index int) watchedStep {
	st := s.steps[index]
	if st.move == nil {
		return watchedStep{index: index}
	}
	return watchedStep{index: index, patient: st.Patient, limit: st.move.script().lockTimeout(s.lockTimeout)}
}

// named returns the first one, from an index on, by whose name the worker's application goes; -1: none.
func (s *watchedSteps) named(application string, from int) int {
	for i := from; i < len(s.steps); i++ {
		if move := s.steps[i].move; move != nil && script.ApplicationName(s.runID, string(move.Migration.Version)) == application {
			return i
		}
	}
	return -1
}

// blocked is the event that says who is in the way of one.
func (s *watchedSteps) blocked(index int) Event {
	e := s.event
	e.Index = s.results + results(s.steps[:index]) + 1
	if move := s.steps[index].move; move != nil {
		e.Version, e.Direction = move.Migration.Version, move.Direction
	}
	return e
}
