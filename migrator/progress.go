package migrator

import (
	"fmt"
	"slices"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// progressFor returns the progress of a move's file, or nil. Progress that an earlier move of the plan will finish does not count.
func progressFor(h *history.History, moves []Move, i int) *history.Progress {
	v := moves[i].Migration.Version
	p := h.ProgressOf(string(v))
	if p == nil {
		return nil
	}
	for _, earlier := range moves[:i] {
		if earlier.Migration.Version == v {
			return nil
		}
	}
	return p
}

// validateProgress refuses to resume a file if its statements differ from those that have run.
func validateProgress(p *history.Progress, move *Move, file *sqlfile.File) error {
	s := move.script()
	switch {
	case Direction(p.Direction) != move.Direction:
		return &UnfinishedError{Version: Version(p.Version), Unfinished: unfinishedOf(p)}
	case s.Mode != NoTransaction:
		return &FileError{
			Path: s.Path, Message: fmt.Sprintf("was begun without a transaction, and %s", describeProgress(p)),
			Hint: "put `-- migrator: no-transaction` back at its top",
		}
	}
	for i, hash := range p.Hashes {
		const hint = "put the statements that have run back as they were; mend only what comes after them"
		if i == len(file.Separate) {
			return &FileError{Path: s.Path, Message: fmt.Sprintf("has %d statements now, but %s", len(file.Separate), describeProgress(p)), Hint: hint}
		}
		if file.Separate[i].Hash != hash {
			return s.errorAt(file.Separate[i].Span.Start, fmt.Sprintf("was changed, but %s", describeProgress(p)), hint)
		}
	}
	return nil
}

// refuseRenamed refuses a file that was begun under another name, if no file has that name any more. The statements that have run
// would run again.
func (m *Migrator) refuseRenamed(h *history.History, move *Move, file *sqlfile.File) error {
	for i := range h.Progress {
		p := &h.Progress[i]
		gone := !slices.ContainsFunc(m.migrations, func(other Migration) bool { return string(other.Version) == p.Version })
		if gone && Direction(p.Direction) == move.Direction && beginsWith(p, file) {
			return &FileError{
				Path: move.script().Path, Message: fmt.Sprintf("begins like %s, which is gone: %s", Version(p.Version), describeProgress(p)),
				Hint: fmt.Sprintf("put %s back, or, if it was renamed: update %s set version = %s where version = %s",
					Version(p.Version), h.Table.Progress().SQL(), sqltext.Literal(string(move.Migration.Version)), sqltext.Literal(p.Version)),
			}
		}
	}
	return nil
}

// beginsWith reports whether a file begins with the statements that have run or were begun, whatever its header says.
func beginsWith(p *history.Progress, file *sqlfile.File) bool {
	ran := p.Hashes
	if p.Done == 0 && p.Started != "" {
		ran = []string{sqlfile.HashOf(p.Started, sqllex.Statement{End: len(p.Started)})}
	}
	all := sqlfile.Separate(file.Text, file.Statements)
	if len(ran) == 0 || len(ran) > len(all) {
		return false
	}
	for i, hash := range ran {
		if all[i].Hash != hash {
			return false
		}
	}
	return true
}

func unfinishedOf(p *history.Progress) Unfinished {
	return Unfinished{Direction: Direction(p.Direction), Done: p.Done, Started: p.Started != ""}
}

// describeProgress says which statements have run.
func describeProgress(p *history.Progress) string { return unfinishedOf(p).String() }

// progressWarning warns of a statement whose end is not recorded, and says how a run deals with it.
func progressWarning(p *history.Progress, path string) string {
	then := "only a run finds out what became of it"
	if sqlfile.ReadNonTx(p.Started).Kind == sqlfile.Opaque {
		then = "the run asks for a decision"
	}
	return fmt.Sprintf("%s: %s; %s", path, describeProgress(p), then)
}

// progressStanding says what the database contains of a no-transaction file, and what the next run does. p is nil if the file has
// no record.
func progressStanding(p *history.Progress, file *sqlfile.File) string {
	if p == nil {
		p = &history.Progress{}
	}
	if p.Done >= len(file.Separate) {
		return describeProgress(p) + ": all of them; the next run records the file"
	}
	line, _ := sqllex.Position(file.SQL, file.Separate[p.Done].Span.Start)
	applied := Unfinished{Done: p.Done}.String() + "; "
	next := fmt.Sprintf("the next run goes on at statement %d of %d (line %d)", p.Done+1, len(file.Separate), line)
	switch {
	case p.Started != "" && sqlfile.ReadNonTx(p.Started).Kind == sqlfile.Opaque:
		if p.Done == 0 {
			applied = ""
		}
		next = fmt.Sprintf("statement %d of %d (line %d) was begun, and it is not known whether it has run; the next run asks for a decision", p.Done+1, len(file.Separate), line)
	case p.Started != "":
		next = fmt.Sprintf("the next run finds out what became of statement %d of %d (line %d) and goes on there", p.Done+1, len(file.Separate), line)
	}
	return applied + next
}

// progressPartly says what the database contains after the failure of a statement that ends transactions itself.
func progressPartly(p *history.Progress, file *sqlfile.File) string {
	line, _ := sqllex.Position(file.SQL, file.Separate[p.Done].Span.Start)
	state := fmt.Sprintf("statement %d of %d (line %d) failed, and may have ended transactions of its own before: what it committed stays; the next run asks for a decision", p.Done+1, len(file.Separate), line)
	if p.Done > 0 {
		state = Unfinished{Done: p.Done}.String() + "; " + state
	}
	return state
}
