package script

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// A framing is what is around every file, and is the same for all files of a plan.
type framing struct {
	Writer
	lock, after, free []Op
	statements        statements
}

// Framing returns what is around the files of a plan.
func (s Writer) Framing() *framing {
	return &framing{Writer: s, lock: s.locking(), after: slices.Concat(s.keepFromWorkers(), resets()), free: s.free(), statements: s.statements()}
}

// Transaction is the transaction of a file.
func (f *framing) Transaction(move *Move) []Op {
	limit := milliseconds(move.LockTimeout)
	wait := Frame("set local lock_timeout = " + limit)
	return slices.Concat(
		f.opening(move.Isolation, f.statements.set.of(f.settings(move.Version), f.Name(move.Version).value), f.lock),
		[]Op{f.statements.claimed(move, f.claim(move))}, f.RequireCoordinator(),
		[]Op{wait}, f.tellWorkers(wait), []Op{fileOp(move.File)},
		f.after, f.statements.rest.of(Local(f.ending(limit)), limit), []Op{deferred()}, discards, []Op{f.statements.sealed(move, f.seal(move)), commit()}, f.free,
	)
}

// open begins a transaction that no setting of a role can end early, and takes the run lock.
func (s Writer) open(isolation, application string) []Op {
	return s.opening(isolation, s.settings(application), s.locking())
}

func (s Writer) opening(isolation string, settings, lock []Op) []Op {
	return slices.Concat([]Op{Frame("begin isolation level " + level(isolation))}, settings, s.lockExposed(isolation), lock)
}

// locking takes the run lock, and sees that our tables may be written.
func (s Writer) locking() []Op { return append([]Op{s.lock()}, s.CheckOwners()...) }

// level is an isolation level, whatever the role's own.
func level(isolation string) string { return cmp.Or(isolation, "read committed") }

// lock takes the run lock, or has it already. It never waits in the server: a waiter holds a snapshot there, for which a
// CREATE INDEX CONCURRENTLY of the holder would wait for ever.
func (s Writer) lock() Op {
	if s.KeepsLock {
		return s.lockBy("pg_try_advisory_lock")
	}
	return s.lockBy("pg_try_advisory_xact_lock")
}

func (s Writer) lockBy(function string) Op {
	return Op{Kind: OpLock, SQL: sqltext.Block(fmt.Sprintf(
		"  if not pg_catalog.%s(%d) then\n    raise exception using errcode = '%s', message = 'another run is migrating this database';\n  end if;",
		function, s.Table.LockKey(), CodeLocked))}
}
