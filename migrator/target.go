package migrator

import "fmt"

type targetKind uint8

const (
	targetUp targetKind = iota
	targetUpN
	targetUpTo
	targetDown
	targetDownTo
	targetRedo
	targetMoves
	targetRepair
	targetBaseline
	targetMarkApplied
	targetMarkPending
)

// A Target says where a run takes the schema, or what it records in the history. It has a direction, so a run that was asked to
// go up never goes down. The zero value is Up().
type Target struct {
	kind     targetKind
	count    int
	version  Version
	versions []Version
	moves    []Move
}

// Up applies everything that is pending.
func Up() Target { return Target{} }

// UpN applies the next n pending migrations.
func UpN(n int) Target { return Target{kind: targetUpN, count: n} }

// UpTo applies what is pending up to and including v. FindVersion describes the forms of v.
func UpTo(v Version) Target { return Target{kind: targetUpTo, version: v} }

// Down reverts the n newest applied migrations, newest first.
func Down(n int) Target { return Target{kind: targetDown, count: n} }

// DownTo reverts everything above v, newest first, and keeps v. FindVersion describes the forms of v.
func DownTo(v Version) Target { return Target{kind: targetDownTo, version: v} }

// Redo reverts the n newest applied migrations and applies them again.
func Redo(n int) Target { return Target{kind: targetRedo, count: n} }

// Repair accepts the files as they are. It records the checksums of applied files that have changed, and the new names of renamed
// ones. Like Baseline, MarkApplied and MarkPending it runs no file, and writes all rows in one transaction.
func Repair() Target { return Target{kind: targetRepair} }

// Baseline records everything up to and including v as applied, for a database that was created without a history. "" is the
// newest version. Run refuses it if the history already has rows and something up to v is pending. Repeatable migrations stay
// pending.
func Baseline(v Version) Target { return Target{kind: targetBaseline, version: v} }

// MarkApplied records versions as applied, with the checksums of their files. For an unfinished no-transaction file it means
// that a person has done the rest.
func MarkApplied(versions ...Version) Target {
	return Target{kind: targetMarkApplied, versions: versions}
}

// MarkPending makes versions pending again by deleting their rows. For an unfinished no-transaction file it means that a person
// has undone the statements that had run. A row without a file is deleted too.
func MarkPending(versions ...Version) Target {
	return Target{kind: targetMarkPending, versions: versions}
}

// String describes the target in a few words.
func (t Target) String() string {
	switch t.kind {
	case targetUp:
		return "apply what is pending"
	case targetUpN:
		return fmt.Sprintf("apply the next %d", t.count)
	case targetUpTo:
		return "apply up to " + string(t.version)
	case targetDown:
		return fmt.Sprintf("revert the newest %d", t.count)
	case targetDownTo:
		return "revert down to " + string(t.version)
	case targetRedo:
		return fmt.Sprintf("revert and apply the newest %d", t.count)
	case targetMoves:
		return "do what was planned"
	case targetRepair:
		return "accept the files as they are"
	case targetBaseline:
		return "record a baseline"
	case targetMarkApplied:
		return "mark as applied"
	case targetMarkPending:
		return "mark as pending"
	}
	return ""
}

// records reports whether the target only writes rows of the history.
func (t Target) records() bool { return t.kind >= targetRepair }

// relative reports whether the target counts from the current version. A run resolves such a target once: if two runs are asked
// at the same time to go down by one, they mean the same migration.
func (t Target) relative() bool {
	return t.kind == targetUpN || t.kind == targetDown || t.kind == targetRedo
}

// applies reports whether the target applies versions, or records them as applied. Then the history table is created even if
// there is nothing else to do.
func (t Target) applies() bool {
	switch t.kind {
	case targetUp, targetUpN, targetUpTo, targetBaseline, targetMarkApplied:
		return true
	case targetDown, targetDownTo, targetRedo, targetMoves, targetRepair, targetMarkPending:
	}
	return false
}

// nothing returns the message for a plan without moves, if "No pending migrations" would claim too much; otherwise "".
func (t Target) nothing() string {
	if t.kind == targetUpTo {
		return "No pending migrations up to " + string(t.version)
	}
	return ""
}

// summary returns the message for a run that went in both directions; otherwise "".
func (t Target) summary(results []Result) string {
	if t.first() == t.direction() {
		return ""
	}
	reverted := 0
	for _, r := range results {
		if r.Direction == DirectionDown {
			reverted++
		}
	}
	return fmt.Sprintf("Successfully reverted %d and applied %d migration(s)", reverted, len(results)-reverted)
}

// first returns the direction in which the target begins. A redo goes down first.
func (t Target) first() Direction {
	switch {
	case t.kind == targetRedo:
		return DirectionDown
	case t.kind == targetMoves && len(t.moves) > 0:
		return t.moves[0].Direction
	}
	return t.direction()
}

// direction returns the direction in which the target ends, or "" if it runs nothing. A redo ends upwards.
func (t Target) direction() Direction {
	switch t.kind {
	case targetDown, targetDownTo:
		return DirectionDown
	case targetMoves:
		if len(t.moves) > 0 {
			return t.moves[len(t.moves)-1].Direction
		}
	case targetRepair, targetBaseline, targetMarkApplied, targetMarkPending:
		return ""
	case targetUp, targetUpN, targetUpTo, targetRedo:
	}
	return DirectionUp
}
