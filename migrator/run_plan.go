package migrator

import (
	"fmt"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
)

// A planner decides from the history what is left to do.
type planner struct {
	m         *Migrator
	target    Target
	reviews   *reviewer
	fast      *fastPlan // the choice of the fast path; nil: none
	movesLeft []Move    // the moves that are left of a relative target; nil: not resolved yet, or not relative
}

// plan plans what is left. A relative target is resolved once, when the run begins. After that it only loses the moves that are
// done, so two runs that go down by one at the same time mean the same migration.
func (p *planner) plan(h *history.History, w script.Writer) (*Plan, error) {
	if p.movesLeft != nil {
		for len(p.movesLeft) > 0 && p.movesLeft[0].done(h) {
			p.movesLeft = p.movesLeft[1:]
		}
		if err := refuseOvertaken(p.m.compare(h), p.movesLeft); err != nil {
			return nil, err
		}
		return p.m.script(h, p.target, p.movesLeft, nil, w, p.reviews)
	}
	if p.fast.holds(h) {
		return p.m.script(h, p.target, p.fast.moves, nil, w, p.reviews)
	}
	plan, err := p.m.plan(h, p.target, w, p.reviews)
	if err == nil && (p.target.relative() || p.target.kind == targetMoves) {
		p.movesLeft = append([]Move{}, plan.Moves...)
	}
	return plan, err
}

// advanced notes that the first move of a relative target is done.
func (p *planner) advanced() {
	if len(p.movesLeft) > 0 {
		p.movesLeft = p.movesLeft[1:]
	}
}

// file returns the reviewed file of a planned move; nil for any other move.
func (p *planner) file(move *Move) *sqlfile.File { return p.reviews.files[move.script().Path] }

// offsetOf returns where the file has the statement now, as a byte offset; -1 if it no longer has it.
func (p *planner) offsetOf(move *Move, statement *sqlfile.Statement) int {
	if file := p.file(move); file != nil {
		for _, s := range file.Separate {
			if s.Hash == statement.Hash {
				return s.Span.Start
			}
		}
	}
	return -1
}

const (
	rolledBack  = "rolled back; nothing of this file was applied"
	notRecorded = "rolled back; nothing was recorded"
	committed   = "committed"
	unsettled   = "not known, the server could not be asked; run it again, the history decides"
)

// standing says what the database contains of a step that is not done.
func (p *planner) standing(failed *failure, h *history.History) string {
	s := failed.step
	switch {
	case s.move == nil:
		return notRecorded
	case failed.stepsBefore > 0 && s.move.Direction == DirectionDown:
		return fmt.Sprintf("not begun; %s is still applied, and so is what was sent together with it (files before it: %d)", s.move.Migration.Version, failed.stepsBefore)
	case failed.stepsBefore > 0:
		return fmt.Sprintf("not begun; nothing of this file was applied, nor of what was sent together with it (files before it: %d)", failed.stepsBefore)
	}
	if file := p.file(s.move); file != nil && file.Separate != nil {
		record, of := h.ProgressOf(string(s.move.Migration.Version)), ""
		if s.move.Direction == DirectionDown {
			of = "of the down file: "
		}
		if failed.mayHaveCommitted && record != nil && record.Started != "" {
			return of + progressPartly(record, file)
		}
		return of + progressStanding(record, file)
	}
	switch {
	case s.move.Direction == DirectionDown:
		return fmt.Sprintf("rolled back; %s is still applied", s.move.Migration.Version)
	case h.Has(string(s.move.Migration.Version)): // only a repeatable file has a row before it runs
		return "rolled back; what was applied of it before is still there"
	}
	return rolledBack
}
