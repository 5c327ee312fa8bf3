package migrator

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

//go:embed progress.sql
var progressSQL string

// progressSuffix makes the progress table's name of the history's.
const progressSuffix = "_progress"

// progress is what is recorded of a no-transaction file that was begun and is not done.
type progress struct {
	Version   Version
	Direction Direction
	Done      int      // statements that have run
	Hashes    []string // theirs
	Started   string   // the text of the one after them, where it was begun outside a transaction
	old       bool     // an older version has made the table
}

// progressOf returns what is recorded of a version; nil when it was not begun.
func (h *history) progressOf(v Version) *progress {
	for i := range h.progress {
		if h.progress[i].Version == v {
			return &h.progress[i]
		}
	}
	return nil
}

// progressFor is that of a move; what a move before it in the same plan will have ended is not its own.
func (h *history) progressFor(moves []Move, i int) *progress {
	v := moves[i].Migration.Version
	p := h.progressOf(v)
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

// readProgress reads what is unfinished; the table is there only while something is.
func readProgress(ctx context.Context, s *pgsession.Session, h *history) error {
	found := h.server.find(h.table.progress())
	if found == nil {
		return nil
	}
	if found.Kind != "r" {
		return &HistoryError{
			Table: h.table.progress().String(), Message: "is meant for the progress of files, but is not a plain table",
			Hint: "rename that, or keep the history under another name: app.schema_migrations",
		}
	}
	for _, column := range []string{"version", "direction", "done", "hashes", "started", "scope", "spared"} {
		if found.Columns[column] == "" {
			return &HistoryError{
				Table: h.table.progress().String(), Message: "is meant for the progress of files, but has no column " + column,
				Hint: "rename it, or keep the history under another name: app.schema_migrations",
			}
		}
	}
	rows, err := s.Rows(ctx, s.LiftLimits()+readSafely+"select version, direction, done, hashes, started from "+h.table.progress().rows())
	if err != nil {
		return fmt.Errorf("read progress %s: %w%s", h.table.progress(), err, h.server.missingGrant(err, found.OID))
	}
	for _, row := range rows {
		p, err := parseProgress(row)
		if err != nil {
			return fmt.Errorf("read progress %s: %w", h.table.progress(), err)
		}
		p.old = found.Columns["session"] == ""
		h.progress = append(h.progress, p)
	}
	return nil
}

// parseProgress reads a row of the table; hashes are written as {0a1b,2c3d}.
func parseProgress(row []string) (progress, error) {
	done, err := strconv.Atoi(row[2])
	p := progress{Version: Version(row[0]), Direction: Direction(row[1]), Done: done, Started: row[4]}
	if hashes := strings.Trim(row[3], "{}"); hashes != "" {
		p.Hashes = strings.Split(hashes, ",")
	}
	return p, err
}

// judge refuses to go on with a file whose statements are not those that have run.
func (p *progress) judge(move *Move, file *reviewed) error {
	s := file.script
	switch {
	case p.Direction != move.Direction:
		return &UnfinishedError{Version: p.Version, Unfinished: p.unfinished()}
	case s.Mode != NoTransaction:
		return &FileError{
			Path: s.Path, Message: fmt.Sprintf("was begun without a transaction, and %s", p.describe()),
			Hint: "put `-- migrator: no-transaction` back at its top",
		}
	}
	for i, hash := range p.Hashes {
		const hint = "put the statements that have run back as they were; mend only what comes after them"
		if i == len(file.units) {
			return &FileError{Path: s.Path, Message: fmt.Sprintf("has %d statements now, but %s", len(file.units), p.describe()), Hint: hint}
		}
		if file.units[i].hash != hash {
			return s.errorAt(file.units[i].statement.Start, fmt.Sprintf("was changed, but %s", p.describe()), hint)
		}
	}
	return nil
}

// refuseRenamed refuses a file that was begun under a name for which there is no file any more: what has run of it would
// run again.
func (m *Migrator) refuseRenamed(h *history, move *Move, file *reviewed) error {
	for _, p := range h.progress {
		gone := !slices.ContainsFunc(m.migrations, func(other Migration) bool { return other.Version == p.Version })
		if gone && p.Direction == move.Direction && p.begins(file) {
			return &FileError{
				Path: file.script.Path, Message: fmt.Sprintf("begins like %s, which is gone: %s", p.Version, p.describe()),
				Hint: fmt.Sprintf("put %s back, or, if it was renamed: update %s set version = %s where version = %s",
					p.Version, h.table.progress().sql(), sqltext.Literal(string(move.Migration.Version)), sqltext.Literal(string(p.Version))),
			}
		}
	}
	return nil
}

// begins reports whether a file begins with what has run, or was begun, whatever its header says.
func (p *progress) begins(file *reviewed) bool {
	ran := p.Hashes
	if p.Done == 0 && p.Started != "" {
		ran = []string{hashOf(p.Started, sqllex.Statement{End: len(p.Started)})}
	}
	all := units(file.text, file.statements)
	if len(ran) == 0 || len(ran) > len(all) {
		return false
	}
	for i, hash := range ran {
		if all[i].hash != hash {
			return false
		}
	}
	return true
}

func (p *progress) unfinished() Unfinished {
	return Unfinished{Direction: p.Direction, Done: p.Done, Started: p.Started != ""}
}

// describe says what of the file has run.
func (p *progress) describe() string { return p.unfinished().String() }

// warning says of a file with a statement whose end is not recorded what becomes of it.
func (p *progress) warning(path string) string {
	then := "only a run finds out what became of it"
	if newOutside(p.Started).kind == opaque {
		then = "the run asks for a decision"
	}
	return fmt.Sprintf("%s: %s; %s", path, p.describe(), then)
}

// standing says what the database contains of a no-transaction file, and what the next run does; p is nil when nothing is
// recorded of it.
func (p *progress) standing(file *reviewed) string {
	if p == nil {
		p = &progress{}
	}
	if p.Done >= len(file.units) {
		return p.describe() + ": all of them; the next run records the file"
	}
	line, _ := sqllex.Position(file.script.SQL, file.units[p.Done].statement.Start)
	applied := Unfinished{Done: p.Done}.String() + "; "
	next := fmt.Sprintf("the next run goes on at statement %d of %d (line %d)", p.Done+1, len(file.units), line)
	switch {
	case p.Started != "" && newOutside(p.Started).kind == opaque:
		if p.Done == 0 {
			applied = ""
		}
		next = fmt.Sprintf("statement %d of %d (line %d) was begun, and it is not known whether it has run; the next run asks for a decision", p.Done+1, len(file.units), line)
	case p.Started != "":
		next = fmt.Sprintf("the next run finds out what became of statement %d of %d (line %d) and goes on there", p.Done+1, len(file.units), line)
	}
	return applied + next
}

// partly says what the database contains where a statement has failed that ends transactions itself.
func (p *progress) partly(file *reviewed) string {
	line, _ := sqllex.Position(file.script.SQL, file.units[p.Done].statement.Start)
	state := fmt.Sprintf("statement %d of %d (line %d) failed, and may have ended transactions of its own before: what it committed stays; the next run asks for a decision", p.Done+1, len(file.units), line)
	if p.Done > 0 {
		state = Unfinished{Done: p.Done}.String() + "; " + state
	}
	return state
}
