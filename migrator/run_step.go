package migrator

import (
	"slices"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

// A step is a part of the script with what the caller is told about it.
type step struct {
	*script.Step

	move    *Move    // nil for a step of the tool's own
	changes []Change // rows of the history that it writes without running anything
}

// done reports whether the history shows what the step makes of it.
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

// reported reports whether it matters to the caller what became of the step: it is not only the tool's own.
func (s *step) reported() bool { return s.move != nil || s.changes != nil }

// results is how many results a step of several adds to those of the run.
func (s *step) results() int {
	if s.move != nil {
		return len(s.changes) + 1
	}
	return len(s.changes)
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
