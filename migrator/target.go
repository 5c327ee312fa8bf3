package migrator

type targetKind uint8

const (
	targetUp targetKind = iota
	targetUpN
	targetUpTo
	targetDown
	targetDownTo
	targetRedo
)

// A Target says where a run shall take the schema. It carries its direction: asking to go up can never go down. The
// zero value is Up().
type Target struct {
	kind    targetKind
	count   int
	version Version
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

// relative reports whether the target counts from where the schema is now. Such a target is resolved once per run: if
// two runs are asked to go down by one at the same time, they mean the same migration.
func (t Target) relative() bool {
	return t.kind == targetUpN || t.kind == targetDown || t.kind == targetRedo
}

// applies reports whether the target leads upwards alone: then the history table is made even where there is nothing to do.
func (t Target) applies() bool {
	return t.kind == targetUp || t.kind == targetUpN || t.kind == targetUpTo
}

// first is the direction in which the target begins: a redo goes down before it goes up.
func (t Target) first() Direction {
	if t.kind == targetRedo {
		return DirectionDown
	}
	return t.direction()
}

// direction returns where the target leads; a redo ends upwards.
func (t Target) direction() Direction {
	if t.kind == targetDown || t.kind == targetDownTo {
		return DirectionDown
	}
	return DirectionUp
}
