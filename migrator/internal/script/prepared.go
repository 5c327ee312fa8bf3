package script

import (
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// A Prepared is a second form of one or several operations in a row, for a session that has a statement prepared. To parse and plan
// the tool's own statements for each file costs as much as a small file does.
//
// EXECUTE copies the text of the whole message in which the statement was prepared, so the first message is a short one.
type Prepared struct {
	statement *statement // nil: it needs none
	sql       string
}

// A statement is one that a session prepares.
type statement struct {
	name       string
	definition string
	clock      bool // it answers when the step begins
}

// prefix begins the names of our prepared statements. No file uses it by accident.
const prefix = "migrator_"

// of gives operations the form of an EXECUTE with these arguments.
func (s *statement) of(ops []Op, args ...string) []Op {
	p := &Prepared{s, "execute " + prefix + s.name + " (" + strings.Join(args, ", ") + ")"}
	for i := range ops {
		ops[i].Prepared = p
	}
	return ops
}

// statements are those of a plan.
type statements struct{ set, claim, rest, seal, unseal statement }

func (s Writer) statements() statements {
	return statements{
		set:    statement{"set", "(pg_catalog.text) as " + clock().SQL + "\n  where " + assigning(s.ours("-"), "application_name"), true},
		claim:  statement{"claim", "(pg_catalog.text, pg_catalog.text) as " + s.Insert("$1", "$2"), false},
		rest:   statement{"rest", "(pg_catalog.text) as select\n  where " + assigning(s.ending(""), "lock_timeout"), false},
		seal:   statement{"seal", sealing(s.sealed(false, "$1")), false},
		unseal: statement{"unseal", sealing(s.sealed(true, "$1")), false},
	}
}

// clock is the operation that answers when a step begins.
func clock() Op { return Op{Kind: OpClock, SQL: "select " + history.AsTimestamp(utcNow)} }

// assigning is a condition that is always true, and makes settings. One of them is a parameter.
func assigning(settings []setting, parameter string) string {
	calls := make([]string, len(settings))
	for i, s := range settings {
		switch {
		case s.name == parameter:
			s.value = "$1"
		case !strings.HasPrefix(s.value, "'"):
			s.value = sqltext.Literal(s.value)
		}
		calls[i] = "pg_catalog.set_config(" + sqltext.Literal(s.name) + ", " + s.value + ", true)"
	}
	return "pg_catalog.concat(" + strings.Join(calls, ", ") + ") is not null"
}

// sealing is a seal that says less where the row is not as it should be: the step is then sent alone.
func sealing(write string) string {
	return "(pg_catalog.text) as with sealed as (\n  " + write + "\n  returning 1)\nselect 1 operator(pg_catalog./) pg_catalog.count(*) from sealed"
}

// claimed gives the claim of a move its second form. Repeatable migrations and those that are reverted have none.
func (s *statements) claimed(move *Move, claim Op) Op {
	if !move.Down && !move.Repeatable {
		claim = s.claim.of([]Op{claim}, sqltext.Literal(move.Version), sqltext.Literal(move.Checksum))[0]
	}
	return claim
}

// sealed gives the seal of a move its second form.
func (s *statements) sealed(move *Move, seal Op) Op {
	if move.Down {
		return s.unseal.of([]Op{seal}, sqltext.Literal(move.Version))[0]
	}
	return s.seal.of([]Op{seal}, sqltext.Literal(move.Version))[0]
}

// keepsPrepared is the second form of DEALLOCATE ALL: it spares ours.
var keepsPrepared = &Prepared{sql: sqltext.Block(deallocateWhere("p.from_sql and p.name operator(pg_catalog.!~) '^" + prefix + "'"))}

// A Session knows which of our statements are prepared in a session.
type Session struct {
	names []string
	Began bool // it has had a message of several files
}

// prepare reports whether a statement has to be prepared first.
func (s *Session) prepare(statement *statement) bool {
	if statement == nil || slices.Contains(s.names, statement.name) {
		return false
	}
	s.names = append(s.names, statement.name)
	return true
}

// Forget notes that all prepared statements are gone.
func (s *Session) Forget() { s.names = nil }
