package script

import (
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// A Prepared is the second form of one or more operations, for Batch: mostly an EXECUTE of a prepared statement. Without it, the
// server would parse and plan our own statements for each file, which costs as much as a small file does.
//
// EXECUTE copies the text of the whole message in which the statement was prepared, so the first message of a session is short.
type Prepared struct {
	statement *statement  // nil: sql is sent instead of an EXECUTE
	arguments []string    // of the EXECUTE, as SQL
	sql       string      // sent if statement is nil
	plain     func() []Op // returns the plain form; nil: the operation itself is the plain form
}

// A statement is one of our own that a session prepares.
type statement struct {
	name       string
	definition string
	clock      bool // its result tells when the step begins
}

// prefix begins the names of our prepared statements. No file uses it by accident.
const prefix = "migrator_"

// instead returns an operation that Batch sends as an EXECUTE of the statement, with arguments in SQL. In a session that does not
// have the statement, the operations that plain returns take its place.
func (s *statement) instead(kind OpKind, plain func() []Op, arguments ...string) Op {
	return Op{Kind: kind, Prepared: &Prepared{statement: s, arguments: arguments, plain: plain}}
}

// statements are the prepared statements of a plan.
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

// clock returns the operation that tells when a step begins, by the server's clock in UTC.
func clock() Op { return Op{Kind: OpClock, SQL: "select " + history.AsTimestamp(utcNow)} }

// assigning is an SQL condition that makes settings and is always true. The setting named parameter gets the value $1.
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

// sealing is a seal that divides by zero if the row is not as it should be. The run then sends the step alone, in its plain form,
// which fails with a better message.
func sealing(write string) string {
	return "(pg_catalog.text) as with sealed as (\n  " + write + "\n  returning 1)\nselect 1 operator(pg_catalog./) pg_catalog.count(*) from sealed"
}

// keepsPrepared is the second form of DEALLOCATE ALL. It keeps our own prepared statements.
var keepsPrepared = &Prepared{sql: sqltext.Block(deallocateWhere("p.from_sql and p.name operator(pg_catalog.!~) '^" + prefix + "'"))}

// A Session knows which of our statements are prepared in a session of the database. The zero value has none.
type Session struct {
	names []string
	Began bool // the caller has begun the session's first batch, which is short
}

// prepare reports whether a statement must be prepared first, and notes that the session has it from then on.
func (s *Session) prepare(statement *statement) bool {
	if statement == nil || slices.Contains(s.names, statement.name) {
		return false
	}
	s.names = append(s.names, statement.name)
	return true
}

// Forget notes that the session has no prepared statements any more.
func (s *Session) Forget() { s.names = nil }
