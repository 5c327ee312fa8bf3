package migrator

import (
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
