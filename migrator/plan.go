package migrator

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
)

// A Move is one migration in one direction.
type Move struct {
	Direction Direction
	Migration Migration
}

// script returns the file that the move runs.
func (m *Move) script() *Script { return m.Migration.script(m.Direction) }

// done reports whether the history already shows the result of the move.
func (m *Move) done(h *history.History) bool {
	row := h.Row(string(m.Migration.Version))
	if row != nil && m.Migration.Version.Repeatable() { // it may have been applied with another text
		return row.Checksum == "" || row.Checksum == m.Migration.Checksum()
	}
	return (row != nil) == (m.Direction == DirectionUp)
}

// A Plan is what a run would do, in order. It depends on the files and the history alone. Migrator.Run makes its own plan under
// the run lock.
type Plan struct {
	Target   Target
	Moves    []Move
	Changes  []Change // rows of the history to write without running anything
	Warnings []string // for people: files out of order, missing files, text that is left out

	steps iter.Seq[*step] // the script, which WriteTo prints and a run sends; nil: there is nothing to do
}

// Empty reports whether there is nothing to do, not even a history table to create.
func (p *Plan) Empty() bool { return p.steps == nil }

// Only returns the target that does what was planned and nothing else. Use it if a person confirms the plan before the run. The
// run leaves out moves that are done by then. It refuses to go down if something newer was applied meanwhile.
func (p *Plan) Only() Target {
	if p.Target.records() {
		return p.Target
	}
	return Target{kind: targetMoves, moves: slices.Clone(p.Moves)}
}

// choose turns a target into moves. It has all rules about what may run: mismatches, the order, missing down files.
func choose(migrations []Migration, statuses []Status, target Target, strict bool) (moves []Move, warnings []string, err error) {
	if target.count < 0 || (target.count == 0 && target.relative()) {
		return nil, nil, fmt.Errorf("a target of %d migrations: want 1 or more", target.count)
	}
	if target.kind == targetUpTo || target.kind == targetDownTo {
		if target.version, err = findStatus(statuses, string(target.version)); err != nil {
			return nil, nil, err
		}
	}
	for _, s := range statuses {
		switch {
		case s.State == StateMissing || s.State == StateOutOfOrder:
			warnings = append(warnings, s.describe())
		case s.State == StateUnfinished && s.Unfinished.Direction != target.first():
			return nil, nil, &UnfinishedError{Version: s.Version, Unfinished: *s.Unfinished}
		}
	}
	switch target.kind {
	case targetUp, targetUpN, targetUpTo:
		moves, err = chooseUp(migrations, statuses, target, strict)
	case targetDown, targetDownTo, targetRedo:
		moves, err = chooseDown(migrations, statuses, target)
	case targetMoves:
		moves, err = chooseAgain(migrations, statuses, target)
	case targetRepair, targetBaseline, targetMarkApplied, targetMarkPending: // see chooseChanges
	}
	return moves, warnings, err
}

func chooseUp(migrations []Migration, statuses []Status, target Target, strict bool) ([]Move, error) {
	if err := refuseMismatch(statuses); err != nil {
		return nil, err
	}
	moves := make([]Move, 0, countPending(statuses))
	var disordered []Version
	next := 0 // in migrations; each of them has a status, in the same order
	for _, s := range statuses {
		var m *Migration
		if next < len(migrations) && migrations[next].Version == s.Version {
			m = &migrations[next]
			next++
		}
		if !s.Pending() ||
			(target.kind == targetUpN && len(moves) == target.count) ||
			(target.kind == targetUpTo && s.Version.Compare(target.version) > 0) {
			continue
		}
		if s.State == StateOutOfOrder {
			disordered = append(disordered, s.Version)
		}
		moves = append(moves, Move{DirectionUp, *m})
	}
	if strict && len(disordered) > 0 {
		return nil, &OrderError{Pending: disordered, Newest: newestApplied(statuses)}
	}
	return moves, nil
}

// findMigration returns the migration with this version, or nil. migrations must be sorted.
func findMigration(migrations []Migration, v Version) *Migration {
	if i, found := slices.BinarySearchFunc(migrations, v, func(m Migration, v Version) int { return m.Version.Compare(v) }); found {
		return &migrations[i]
	}
	return nil
}

func countPending(statuses []Status) (n int) {
	for i := range statuses {
		if statuses[i].Pending() {
			n++
		}
	}
	return n
}

// chooseDown reverts in order, newest first. A changed file may be reverted, because redo is for work on a migration. Repeatable
// migrations are not part of the order and stay applied.
func chooseDown(migrations []Migration, statuses []Status, target Target) ([]Move, error) {
	var moves []Move
	var problems []error
	for _, s := range slices.Backward(statuses) {
		if s.Pending() || s.Version.Repeatable() {
			continue
		}
		if (target.kind == targetDownTo && s.Version.Compare(target.version) <= 0) ||
			(target.kind != targetDownTo && len(moves)+len(problems) == target.count) {
			break
		}
		switch m := findMigration(migrations, s.Version); {
		case s.State == StateRenamed:
			problems = append(problems, fmt.Errorf("revert %s: it is named %s here\nHINT: accept that first, with repair", s.Version, s.Renamed))
		case m == nil:
			problems = append(problems, fmt.Errorf("revert %s: there is no such file here", s.Version))
		case m.Down == nil:
			problems = append(problems, fmt.Errorf("revert %s: %w (%s.down.sql)", s.Version, ErrIrreversible, s.Version.stem()))
		default:
			moves = append(moves, Move{DirectionDown, *m})
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	if target.kind == targetRedo {
		for _, move := range slices.Backward(moves[:len(moves):len(moves)]) {
			moves = append(moves, Move{DirectionUp, move.Migration})
		}
	}
	return moves, nil
}

// chooseAgain returns the moves that were chosen before, without those that are done.
func chooseAgain(migrations []Migration, statuses []Status, target Target) ([]Move, error) {
	pending := map[Version]bool{}
	for _, s := range statuses {
		pending[s.Version] = s.Pending()
	}
	moves := slices.Clone(target.moves)
	for len(moves) > 0 && pending[moves[0].Migration.Version] == (moves[0].Direction == DirectionDown) {
		moves = moves[1:]
	}
	for _, move := range moves {
		if findMigration(migrations, move.Migration.Version) == nil {
			return nil, fmt.Errorf("%s: there is no such file here", move.Migration.Version)
		}
	}
	return moves, refuseOvertaken(statuses, moves)
}

// refuseOvertaken refuses moves chosen before if the first one would revert a migration that is not the newest any more.
func refuseOvertaken(statuses []Status, moves []Move) error {
	if newest := newestApplied(statuses); len(moves) > 0 && moves[0].Direction == DirectionDown && newest != moves[0].Migration.Version {
		return fmt.Errorf("revert %s: the newest applied one is %s by now; plan again", moves[0].Migration.Version, newest)
	}
	return nil
}

// refuseMismatch refuses to go up from a history that contradicts the files.
func refuseMismatch(statuses []Status) error {
	var mismatch []Status
	for _, s := range statuses {
		if s.State == StateChanged || s.State == StateRenamed {
			mismatch = append(mismatch, s)
		}
	}
	if len(mismatch) > 0 {
		return &MismatchError{Mismatches: mismatch}
	}
	return nil
}

// mayLose returns a warning if a CASCADE of a down file may drop objects of repeatable migrations. Those still count as applied
// until their files change.
func mayLose(h *history.History, moves []Move) string {
	if !slices.ContainsFunc(moves, func(m Move) bool {
		return m.Direction == DirectionDown && strings.Contains(strings.ToUpper(m.script().SQL), "CASCADE")
	}) {
		return ""
	}
	var repeatable []Version
	for i := range h.Records {
		if v := Version(h.Records[i].Version); v.Repeatable() {
			repeatable = append(repeatable, v)
		}
	}
	if len(repeatable) == 0 {
		return ""
	}
	return fmt.Sprintf("a CASCADE may drop what repeatable migrations have made (%s); they stay applied: to run them again, mark them pending and apply what is pending", join(repeatable))
}

func newestApplied(statuses []Status) Version {
	for _, s := range slices.Backward(statuses) {
		if !s.Pending() && !s.Version.Repeatable() {
			return s.Version
		}
	}
	return ""
}

// FindVersion returns the version that typed means: its number with or without leading zeros ("3", "003"), its name without
// the suffix ("003_daily_standups"), or its whole name. If none or several fit, the error is a *VersionError.
func FindVersion(migrations []Migration, typed string) (Version, error) {
	statuses := make([]Status, len(migrations))
	for i, m := range migrations {
		statuses[i].Version = m.Version
	}
	return findStatus(statuses, typed)
}

func findStatus(statuses []Status, typed string) (Version, error) {
	var candidates []Version
	number := strings.TrimLeft(typed, "0")
	for _, s := range statuses {
		switch {
		case string(s.Version) == typed:
			return s.Version, nil
		case s.Version.stem() == typed,
			typed != "" && digits(typed) == len(typed) && s.Version.number() == number && digits(string(s.Version)) > 0:
			candidates = append(candidates, s.Version)
		}
	}
	if len(candidates) == 1 {
		return candidates[0], nil
	}
	slices.SortFunc(candidates, func(a, b Version) int { return cmp.Compare(a, b) })
	return "", &VersionError{Typed: typed, Candidates: candidates}
}
