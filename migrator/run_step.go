package migrator

import (
	"slices"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

// A step is a script.Step with what the caller learns about it.
type step struct {
	*script.Step

	move    *Move    // nil: a step of the tool's own, or one that writes changes
	changes []Change // history rows that it writes without running a file
}

// done reports whether the history shows the step as done.
func (s *step) done(h *history.History) bool {
	if s.move != nil {
		return s.move.done(h)
	}
	for i := range s.changes {
		if !s.changes[i].done(h) {
			return false
		}
	}
	return true
}

// reported reports whether the caller learns about the step. It does not if the step is only the tool's own.
func (s *step) reported() bool { return s.move != nil || s.changes != nil }

// results is how many results the step adds to the run.
func (s *step) results() int {
	if s.move != nil {
		return len(s.changes) + 1
	}
	return len(s.changes)
}

// stepOf returns the step of a script.Step; nil if there is none.
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
