package script

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// A framing is the operations around a file in its transaction. All files of a plan share it.
type framing struct {
	Writer
	lock, after, free []Op
	statements        statements
}

// Framing returns the operations around the files of a plan.
func (s Writer) Framing() *framing {
	return &framing{Writer: s, lock: s.locking(), after: slices.Concat(s.keepFromWorkers(), resets()), free: s.free(), statements: s.statements()}
}

// layOut yields the operations of a file's transaction, and those after it, in pieces, since most of them are the same for all
// files. The claim comes before the lock timeout, because it may wait for another run as long as it takes.
func (f *framing) layOut(move *Move, yield func([]Op)) {
	limit := milliseconds(move.LockTimeout)
	wait := Frame("set local lock_timeout = " + limit)
	yield(beginning(move.Isolation))
	yield(f.lockExposed(move.Isolation)) // EXECUTE takes a snapshot, which has to come after the locks
	yield([]Op{f.statements.set.instead(OpFrame, func() []Op { return f.settings(move.Version) }, f.Name(move.Version).value)})
	yield(f.lock)
	yield([]Op{f.claimOp(move)})
	yield(f.RequireCoordinator())
	yield([]Op{wait})
	yield(f.tellWorkers(wait))
	yield([]Op{fileOp(move.File)})
	yield(f.after)
	yield([]Op{f.statements.rest.instead(OpFrame, func() []Op { return Local(f.ending(limit)) }, limit), deferred()})
	yield(discards)
	yield([]Op{f.sealOp(move), commit()})
	yield(f.free)
}

// claimOp returns the claim, with its second form. The claims of repeatable migrations and of down files have none.
func (f *framing) claimOp(move *Move) Op {
	if move.Down || move.Repeatable {
		return f.claim(move)
	}
	return f.statements.claim.instead(OpClaim, func() []Op { return []Op{f.claim(move)} }, sqltext.Literal(move.Version), sqltext.Literal(move.Checksum))
}

// sealOp returns the seal, with its second form.
func (f *framing) sealOp(move *Move) Op {
	statement := &f.statements.seal
	if move.Down {
		statement = &f.statements.unseal
	}
	return statement.instead(OpSeal, func() []Op { return []Op{f.seal(move)} }, sqltext.Literal(move.Version))
}

// begins has the operation that begins a transaction, for each isolation level.
var begins = map[string][]Op{}

func init() {
	for _, level := range []string{"read committed", "repeatable read", "serializable"} {
		begins[level] = []Op{begin(level)}
	}
}

// beginning begins a transaction. Load knows three levels; a caller may have set another one.
func beginning(isolation string) []Op {
	if ops := begins[level(isolation)]; ops != nil {
		return ops
	}
	return []Op{begin(level(isolation))}
}

func begin(level string) Op { return Frame("begin isolation level " + level) }

// open begins a transaction that no setting of a role can end early, and takes the run lock.
func (s Writer) open(isolation, application string) []Op {
	return s.opening(isolation, s.settings(application), s.locking())
}

func (s Writer) opening(isolation string, settings, lock []Op) []Op {
	return slices.Concat(beginning(isolation), settings, s.lockExposed(isolation), lock)
}

// locking takes the run lock, and checks that a write to our tables runs no code of a stranger.
func (s Writer) locking() []Op { return append([]Op{s.lock()}, s.CheckOwners()...) }

// level returns an isolation level. It is always given, because a role may have a default of its own.
func level(isolation string) string { return cmp.Or(isolation, "read committed") }

// lock takes the run lock, if the session does not have it already. It never waits on the server: a waiter would hold a snapshot,
// and a CREATE INDEX CONCURRENTLY of the run that has the lock would wait for that snapshot forever.
func (s Writer) lock() Op {
	if s.KeepsLock {
		return s.lockBy("pg_try_advisory_lock")
	}
	return s.lockBy("pg_try_advisory_xact_lock")
}

// lockBy takes the run lock with a function that does not wait. It raises sqlstate.LockHeld if another run holds the lock.
func (s Writer) lockBy(function string) Op {
	return Op{Kind: OpLock, SQL: sqltext.Block(fmt.Sprintf(
		"  if not pg_catalog.%s(%d) then\n    raise exception using errcode = '%s', message = 'another run is migrating this database';\n  end if;",
		function, s.Table.LockKey(), sqlstate.LockHeld))}
}
