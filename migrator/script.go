package migrator

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// The SQLSTATEs that the tool's own statements raise.
const (
	codeGone   = "MG001" // the history row is not as it was read: another run did what this one was about to do
	codeSeal   = "MG002" // the history row is not this transaction's any more
	codeLocked = "MG003" // another run holds the run lock
)

// utcNow is what applied_at is set to.
const utcNow = "pg_catalog.timezone('utc', pg_catalog.clock_timestamp())"

// sealHint is what to do where a seal finds the row gone.
const sealHint = "a migration must not write to the history table, nor end its transaction; nor may a trigger there keep the row out"

// resetAll takes every setting back to what the connection began with.
const resetAll = "reset all"

type operationKind uint8

const (
	opFrame    operationKind = iota // begin, settings, resets: the tool's own
	opLock                          // takes the run lock
	opClaim                         // writes the history row, first: the primary key decides who applies a file
	opFile                          // the file
	opDeferred                      // fires what the file has deferred to the commit: the seal is to see what it does
	opSettle                        // clears up after a statement that was cut off, alone
	opSeal                          // sees that the row is still this transaction's
	opCommit                        // makes it last
	opClean                         // frees what outlives a transaction
	opClock                         // tells when a step begins
)

// An operation is one thing to send. All statements are one each, but for opFile.
type operation struct {
	kind     operationKind
	prepared bool // it makes or executes a prepared statement, to which the places in its errors belong
	sql      string
	// Of opFile only: the file, where sql begins in it, and its statements in sql.
	file       *sqlfile.File
	offset     int
	statements []sqllex.Statement
}

// A step is a transaction, or a statement that can be in none: it is applied whole, and tried again whole.
type step struct {
	move       *Move    // nil for a step of the tool's own
	changes    []Change // rows of the history that it writes without running anything
	title      string   // for a person
	operations []operation

	// Of a file in one transaction, in place of title and operations: what stands around it is more text than most files.
	file    *sqlfile.File
	framing *framing

	// Of no-transaction files only:
	part      bool               // other steps follow for the same move
	does      *sqlfile.Statement // when it is done, this statement is
	begins    *sqlfile.Statement // when it is done, this statement is about to run outside a transaction
	number    int                // of that statement, from 1
	of        int                // how many there are
	alone     bool               // there is no transaction, and what is not the tool's own needs a message of its own
	patient   bool               // it may wait for locks as long as it takes
	unwatched bool               // a second connection would be in its way
}

// done reports whether the history shows what the step makes of it.
func (s *step) done(h *history.History) bool {
	if s.move != nil {
		return s.move.done(h)
	}
	for i := range s.changes {
		if !s.changes[i].done(h) {
			return false
		}
	}
	return true
}

// settles reports whether it matters to the caller what became of the step: it is not only the tool's own.
func (s *step) settles() bool { return s.move != nil || s.changes != nil }

// A scripter turns moves into steps. Running and printing differ in these fields only.
type scripter struct {
	table         history.Table
	runID         string
	major         int             // the server's major version
	lockTimeout   time.Duration   // for files whose header names none; below 0: none
	keepsLock     bool            // the session keeps the run lock between its transactions; otherwise each of them takes it
	pooled        bool            // the session is a pooler's, and others use it after us
	checkInterval bool            // the server takes client_connection_check_interval
	citus         bool            // the server is a coordinator, and what files do goes on to its workers
	superuser     bool            // the session is a superuser's
	exposed       []history.Table // those that a stranger may have put something on, which it would run as such
}

// script lays out everything that is to be sent for the moves, in order, and each step only when it is its turn. nil: there
// is nothing to do.
func (s scripter) script(h *history.History, target Target, migrations []Migration, moves []Move, reviews []*sqlfile.File) iter.Seq[*step] {
	first := s.first(h, target)
	if len(first)+len(moves) == 0 {
		return nil
	}
	if fill := s.fillChecksums(h, migrations); fill != nil && len(moves) > 0 {
		first = append(first, fill)
	}
	f := s.framing()
	return func(yield func(*step) bool) {
		for _, st := range first {
			if !yield(st) {
				return
			}
		}
		for i := range moves {
			p := progressFor(h, moves, i)
			steps := []*step{{move: &moves[i], file: reviews[i], framing: f}}
			if reviews[i].Separate != nil || p != nil { // a file that was begun may have been emptied since
				steps = s.noTransaction(&moves[i], reviews[i], p)
			}
			for _, st := range steps {
				if !yield(st) {
					return
				}
			}
		}
	}
}

// first is what comes before all else.
func (s scripter) first(h *history.History, target Target) []*step {
	if !h.Exists && target.applies() {
		return []*step{s.createHistory()}
	}
	return nil
}

// createHistory makes the table. Two poolers' clients may do so at once: the loser's error is one that is read again.
func (s scripter) createHistory() *step {
	return s.transaction(fmt.Sprintf("make the history table %s", s.table), append([]operation{{kind: opClaim, sql: s.table.DDL()}}, s.newOwner(s.table)...)...)
}

// fillChecksums records the checksums of files that were applied before there were any: by an older system, or by hand.
func (s scripter) fillChecksums(h *history.History, migrations []Migration) *step {
	var values []string
	for _, m := range migrations {
		if row := h.Row(string(m.Version)); row != nil && row.Checksum == "" {
			values = append(values, fmt.Sprintf("(%s, %s)", sqltext.Literal(string(m.Version)), sqltext.Literal(m.Checksum())))
		}
	}
	if len(values) == 0 {
		return nil
	}
	return s.transaction("record checksums that are not known yet", operation{kind: opClaim, sql: fmt.Sprintf(
		"update %s as h set checksum = v.checksum from (values\n%s) as v (version, checksum)\nwhere h.version operator(pg_catalog.=) v.version and coalesce(h.checksum, '') operator(pg_catalog.=) ''",
		s.table.SQL(), strings.Join(values, ",\n"))})
}

// transaction is a step of the tool's own.
func (s scripter) transaction(title string, operations ...operation) *step {
	ops := slices.Concat(
		s.open("", ""), s.localTables(), operations, s.stayHome(), []operation{{kind: opCommit, sql: "commit"}},
	)
	return &step{title: title, operations: ops}
}

// A framing is what stands around every file, and is the same for all of a plan.
type framing struct {
	scripter
	settings, lock, home, after, clean []operation
}

func (s scripter) framing() *framing {
	return &framing{
		scripter: s, settings: s.settings(""), lock: s.locking(), home: s.stayHome(),
		after: slices.Concat(s.keepFromWorkers(), resets(), s.unlimited()), clean: s.clean(),
	}
}

// layOut returns everything that is to be sent for the step.
func (s *step) layOut() []operation {
	if s.file == nil {
		return s.operations
	}
	return s.framing.move(s.move, s.file)
}

// heading says to a person what the step does.
func (s *step) heading() string {
	if s.file == nil {
		return s.title
	}
	return title(s.move)
}

// move is everything that is to be sent for one file.
func (f *framing) move(move *Move, file *sqlfile.File) []operation {
	limit := frame("set local lock_timeout = " + f.limit(move.script()))
	return slices.Concat(
		f.opening(move.script().Isolation, append(slices.Clip(f.settings), f.named(string(move.Migration.Version))), f.lock), []operation{f.claim(move)}, f.home,
		[]operation{limit}, f.tellWorkers(limit), []operation{fileOperation(file)},
		f.after, []operation{limit, deferred(), f.seal(move), {kind: opCommit, sql: "commit"}}, f.clean,
	)
}

// limit is the lock timeout of a file, as SQL.
func (s scripter) limit(file *Script) string { return milliseconds(file.lockTimeout(s.lockTimeout)) }

// milliseconds is a timeout as SQL. It is rounded up: 0 would be none.
func milliseconds(d time.Duration) string {
	return "'" + strconv.FormatInt(int64((d+time.Millisecond-1)/time.Millisecond), 10) + "ms'"
}

func title(move *Move) string {
	if move.Direction == DirectionDown {
		return "revert " + string(move.Migration.Version)
	}
	return "apply " + string(move.Migration.Version)
}

// claim writes the history row before the file runs. Whoever gets it does the work; whoever comes second waits for the
// first one's end and then fails on the primary key, or finds the row gone.
func (s scripter) claim(move *Move) operation {
	version := sqltext.Literal(string(move.Migration.Version))
	if move.Direction == DirectionDown {
		return operation{kind: opClaim, sql: sqltext.Block(sqltext.RequireRow(
			fmt.Sprintf("update %s set applied_at = applied_at where version operator(pg_catalog.=) %s", s.table.SQL(), version),
			sqltext.Raise(codeGone, "it is not applied any more", "")))}
	}
	insert := s.insert(version, sqltext.Literal(move.Migration.Checksum()))
	if move.Migration.Version.Repeatable() { // its row may be there, with the checksum of an older text
		insert = sqltext.Block(sqltext.RequireRow(
			fmt.Sprintf("%s\n  on conflict (version) do update set checksum = excluded.checksum\n    where not coalesce(%s.checksum operator(pg_catalog.=) excluded.checksum, false)", insert, sqltext.Ident(s.table.Name)),
			sqltext.Raise(codeGone, "it is applied already", "")))
	}
	return operation{kind: opClaim, sql: insert}
}

// insert takes expressions.
func (s scripter) insert(version, checksum string) string {
	return fmt.Sprintf("insert into %s (version, applied_at, checksum)\nvalues (%s, %s, %s)", s.table.SQL(), version, utcNow, checksum)
}

func deferred() operation {
	return operation{kind: opDeferred, sql: "set constraints all immediate"}
}

// seal refuses to commit when the row is gone or belongs to another transaction: the file has dropped or emptied the
// history, or ended the transaction in a way that review did not see.
func (s scripter) seal(move *Move) operation {
	return operation{kind: opSeal, sql: sqltext.Block(sqltext.RequireRow(
		s.sealed(move.Direction, sqltext.Literal(string(move.Migration.Version))),
		sqltext.Raise(codeSeal, "the row of this file is gone or changed in "+s.table.String(), sealHint)))}
}

// sealed writes the row of a version, an expression, where it is this transaction's.
func (s scripter) sealed(d Direction, version string) string {
	write := "update %s set applied_at = " + utcNow
	if d == DirectionDown {
		write = "delete from %s"
	}
	return fmt.Sprintf(write+"\n  where version operator(pg_catalog.=) %s\n    and xmin operator(pg_catalog.=) pg_catalog.pg_current_xact_id()::pg_catalog.xid",
		s.table.SQL(), version)
}
