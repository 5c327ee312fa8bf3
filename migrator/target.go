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

// A Target says where a run shall take the schema, or what it shall record in the history. It carries its direction: asking
// to go up can never go down. The zero value is Up().
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

// UpTo applies what is pending up to and including v, which may be typed as in FindVersion.
func UpTo(v Version) Target { return Target{kind: targetUpTo, version: v} }

// Down reverts the n newest applied migrations, newest first.
func Down(n int) Target { return Target{kind: targetDown, count: n} }

// DownTo reverts everything above v, newest first, and keeps v, which may be typed as in FindVersion.
func DownTo(v Version) Target { return Target{kind: targetDownTo, version: v} }

// Redo reverts the n newest applied migrations and applies them again.
func Redo(n int) Target { return Target{kind: targetRedo, count: n} }

// Repair accepts the files as they are: it records the checksums of applied files that were changed, and the new names of
// those that were renamed. Like Baseline, MarkApplied and MarkPending it runs no file, and writes all in one transaction.
func Repair() Target { return Target{kind: targetRepair} }

// Baseline records everything up to and including v as applied: for a database that was made without a history. "" is the
// newest. It is refused where something is recorded already. Repeatable migrations stay pending.
func Baseline(v Version) Target { return Target{kind: targetBaseline, version: v} }

// MarkApplied records versions as applied, with the checksums of their files. Of a no-transaction file that is not done it
// says that a person has done the rest.
func MarkApplied(versions ...Version) Target {
	return Target{kind: targetMarkApplied, versions: versions}
}

// MarkPending makes versions pending again: their rows are deleted. Of a no-transaction file that is not done it says that
// a person has taken back what had run. A row without a file is forgotten.
func MarkPending(versions ...Version) Target {
	return Target{kind: targetMarkPending, versions: versions}
}

// String says in a few words what a target asks for.
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

// records reports whether the target writes to the history and runs nothing.
func (t Target) records() bool { return t.kind >= targetRepair }

// relative reports whether the target counts from where the schema is now. Such a target is resolved once per run: if
// two runs are asked to go down by one at the same time, they mean the same migration.
func (t Target) relative() bool {
	return t.kind == targetUpN || t.kind == targetDown || t.kind == targetRedo
}

// applies reports whether versions are applied or recorded so: then the history table is made even where there is nothing
// to do.
func (t Target) applies() bool {
	switch t.kind {
	case targetUp, targetUpN, targetUpTo, targetBaseline, targetMarkApplied:
		return true
	case targetDown, targetDownTo, targetRedo, targetMoves, targetRepair, targetMarkPending:
	}
	return false
}

// nothing says that there is nothing to do, where "No pending migrations" would say too much; "": it would not.
func (t Target) nothing() string {
	if t.kind == targetUpTo {
		return "No pending migrations up to " + string(t.version)
	}
	return ""
}

// summary says what was done in both directions; "" where it was one.
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

// first is the direction in which the target begins: a redo goes down before it goes up.
func (t Target) first() Direction {
	switch {
	case t.kind == targetRedo:
		return DirectionDown
	case t.kind == targetMoves && len(t.moves) > 0:
		return t.moves[0].Direction
	}
	return t.direction()
}

// direction returns where the target leads; a redo ends upwards, and what runs nothing leads nowhere.
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
