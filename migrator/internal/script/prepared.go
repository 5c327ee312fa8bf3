package script

import (
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// What is prepared for files that are sent together. To read and plan the tool's own statements anew for each costs as much
// as a small file does. None of it where a pooler may give the session to somebody else.
//
// EXECUTE copies the text of the whole message in which the statement was prepared: the first message is a short one.

// The operations around a file, where their text is written to the message alone.
var (
	framePart  = &Op{Kind: OpFrame}
	lockPart   = &Op{Kind: OpLock}
	commitPart = &Op{Kind: OpCommit}
	clockPart  = &Op{Kind: OpClock, Prepared: true}
	setPart    = &Op{Kind: OpFrame, Prepared: true}
	claimPart  = &Op{Kind: OpClaim, Prepared: true}
	deferPart  = &Op{Kind: OpDeferred}
	sealPart   = &Op{Kind: OpSeal, Prepared: true}
)

// addFile adds a file with as little around it as can be.
func (b *bundle) addFile(s *Step, final bool) {
	move := s.Move
	quoted := sqltext.Quote(move.Version)
	name := sqltext.Quote(applicationSuffix(b.prefix, move.Version))
	limit := milliseconds(move.LockTimeout)
	b.write(s, framePart, "begin isolation level ", level(move.Isolation))
	if b.last != nil {
		b.cleanUp()
	}
	b.prepare(s, setPart, "set", b.set)
	b.write(s, clockPart, "execute migrator_set ('0', '", b.prefix, name, "')")
	if b.last == nil {
		b.write(s, lockPart, b.lock().SQL)
	}
	if !move.Down && !move.Repeatable {
		b.prepare(s, claimPart, "claim", b.claiming)
		b.write(s, claimPart, "execute migrator_claim ('", quoted, "', '", move.Checksum, "')")
	} else {
		b.add(s, []Op{b.claim(move)})
	}
	b.write(s, framePart, "set local lock_timeout = ", limit)
	whole := fileOp(move.File)
	b.write(s, &whole, move.File.Text)
	b.add(s, resetting)
	b.prepare(s, setPart, "rest", b.rest)
	b.write(s, setPart, "execute migrator_rest (", limit, ")")
	b.write(s, deferPart, deferred().SQL)
	if move.Down {
		b.prepare(s, sealPart, "unseal", b.unsealing)
		b.write(s, sealPart, "execute migrator_unseal ('", quoted, "')")
	} else {
		b.prepare(s, sealPart, "seal", b.sealing)
		b.write(s, sealPart, "execute migrator_seal ('", quoted, "')")
	}
	b.write(s, commitPart, "commit")
	if final {
		b.add(s, slices.Concat(leavings, []Op{b.sweep()}, b.Idle()))
	}
}

// sweep frees what functions have left, but for what is prepared here.
func (b *bundle) sweep() Op {
	return clean(sqltext.Block(deallocateWhere(`p.from_sql and p.name operator(pg_catalog.!~) '^migrator_'`) + "\n" + b.unlocking()))
}

// prepare prepares a statement where it is not yet. No file uses its name by accident.
func (b *bundle) prepare(s *Step, o *Op, name string, definition func() string) {
	if b.prepared.add(name) {
		b.write(s, o, "prepare migrator_", name, " ", definition())
	}
}

// Prepared are the names of those that a session has, as far as they are ours.
type Prepared struct {
	Names []string
	Began bool // the session has had a message in which something is prepared
}

// add reports whether the name is new.
func (p *Prepared) add(name string) bool {
	if slices.Contains(p.Names, name) {
		return false
	}
	p.Names = append(p.Names, name)
	return true
}

func (p *Prepared) none() bool { return len(p.Names) == 0 }

func (p *Prepared) Forget() { p.Names = nil }

func (b *bundle) claiming() string {
	return "(pg_catalog.text, pg_catalog.text) as " + b.Insert("$1", "$2")
}

// set makes the settings under which a file begins, of which the application's name and the lock timeout are its own, and
// tells when.
func (b *bundle) set() string {
	return "(pg_catalog.text, pg_catalog.text) as " + clock().SQL + "\n  where " + assigning(append(b.calm(), setting{"application_name", "$2"}))
}

// rest makes those under which it ends.
func (b *bundle) rest() string {
	return "(pg_catalog.text) as select\n  where " + assigning(b.Lifted())
}

// assigning is a condition that is always true. The lock timeout is a parameter.
func assigning(settings []setting) string {
	calls := make([]string, len(settings))
	for i, s := range settings {
		if s.name == "lock_timeout" {
			s.value = "$1"
		}
		if !strings.HasPrefix(s.value, "'") && !strings.HasPrefix(s.value, "$") {
			s.value = sqltext.Literal(s.value)
		}
		calls[i] = "pg_catalog.set_config(" + sqltext.Literal(s.name) + ", " + s.value + ", true)"
	}
	return "pg_catalog.concat(" + strings.Join(calls, ", ") + ") is not null"
}

// sealing says less than the seal itself where the row is not as it should be: the step is then sent alone.
func (b *bundle) sealing() string { return sealing(b.sealed(false, "$1")) }

func (b *bundle) unsealing() string { return sealing(b.sealed(true, "$1")) }

func sealing(write string) string {
	return "(pg_catalog.text) as with sealed as (\n  " + write + "\n  returning 1)\nselect 1 operator(pg_catalog./) pg_catalog.count(*) from sealed"
}
