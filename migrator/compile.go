package migrator

import (
	"fmt"
	"iter"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// compile lays out the steps of the moves, each one when its turn comes. It returns nil if there is nothing to do.
func (m *Migrator) compile(s script.Writer, h *history.History, target Target, moves []Move, files []*sqlfile.File) iter.Seq[*step] {
	first := firstSteps(s, h, target)
	if len(first)+len(moves) == 0 {
		return nil
	}
	if fill := fillChecksums(s, h, m.migrations); fill != nil && len(moves) > 0 {
		first = append(first, &step{Step: fill})
	}
	f := s.Framing()
	return func(yield func(*step) bool) {
		for _, st := range first {
			if !yield(st) {
				return
			}
		}
		for i := range moves {
			p := progressFor(h, moves, i)
			move := m.scriptMove(&moves[i], files[i])
			steps := []*script.Step{{Move: move, Framing: f}}
			if files[i].Separate != nil || p != nil { // an unfinished file may have been emptied since
				steps = s.NoTransaction(move, p)
			}
			for _, st := range steps {
				if !yield(&step{Step: st, move: &moves[i]}) {
					return
				}
			}
		}
	}
}

// firstSteps returns the steps that come before the moves.
func firstSteps(s script.Writer, h *history.History, target Target) []*step {
	if !h.Exists && target.applies() {
		return []*step{{Step: s.CreateHistory()}}
	}
	return nil
}

// fillChecksums records the checksums of files whose rows have none, because an older system or a person wrote them.
func fillChecksums(s script.Writer, h *history.History, migrations []Migration) *script.Step {
	var values []string
	for _, m := range migrations {
		if row := h.Row(string(m.Version)); row != nil && row.Checksum == "" {
			values = append(values, fmt.Sprintf("(%s, %s)", sqltext.Literal(string(m.Version)), sqltext.Literal(m.Checksum())))
		}
	}
	if len(values) == 0 {
		return nil
	}
	return s.Transaction("record checksums that are not known yet", script.Op{Kind: script.OpClaim, SQL: fmt.Sprintf(
		"update %s as h set checksum = v.checksum from (values\n%s) as v (version, checksum)\nwhere h.version operator(pg_catalog.=) v.version and coalesce(h.checksum, '') operator(pg_catalog.=) ''",
		s.Table.SQL(), strings.Join(values, ",\n"))})
}

// scriptMove converts a move for package script.
func (m *Migrator) scriptMove(move *Move, file *sqlfile.File) *script.Move {
	s, version := move.script(), move.Migration.Version
	return &script.Move{
		Version: string(version), Checksum: move.Migration.Checksum(), Down: move.Direction == DirectionDown, Repeatable: version.Repeatable(),
		Isolation: s.Isolation, LockTimeout: s.lockTimeout(m.options.LockTimeout), File: file,
	}
}
