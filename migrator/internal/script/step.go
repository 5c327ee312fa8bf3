package script

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// The SQLSTATEs that the tool's own statements raise.
const (
	CodeGone   = "MG001" // the history row is not as it was read: another run did what this one was about to do
	CodeSeal   = "MG002" // the history row is not this transaction's any more
	CodeLocked = "MG003" // another run holds the run lock
)

// utcNow is what applied_at is set to.
const utcNow = "pg_catalog.timezone('utc', pg_catalog.clock_timestamp())"

// sealHint is what to do where a seal finds the row gone.
const sealHint = "a migration must not write to the history table, nor end its transaction; nor may a trigger there keep the row out"

// resetAll takes every setting back to what the connection began with.
const resetAll = "reset all"

type OpKind uint8

const (
	OpFrame    OpKind = iota // begin, settings, resets: the tool's own
	OpLock                   // takes the run lock
	OpClaim                  // writes the history row, first: the primary key decides who applies a file
	OpFile                   // the file
	OpDeferred               // fires what the file has deferred to the commit: the seal is to see what it does
	OpSettle                 // clears up after a statement that was cut off, alone
	OpSeal                   // sees that the row is still this transaction's
	OpCommit                 // makes it last
	OpClean                  // frees what outlives a transaction
	OpClock                  // tells when a step begins
)

// An Op is one thing to send. All statements are one each, but for opFile.
type Op struct {
	Kind     OpKind
	Prepared bool // it makes or executes a prepared statement, to which the places in its errors belong
	SQL      string
	// Of opFile only: the file, where sql begins in it, and its statements in sql.
	File       *sqlfile.File
	offset     int
	statements []sqllex.Statement
}

// A Move is what is to be done with one file.
type Move struct {
	Version     string
	Checksum    string
	Down        bool
	Repeatable  bool
	Isolation   string        // "": read committed
	LockTimeout time.Duration // 0: none
	File        *sqlfile.File
}

func (m *Move) direction() string {
	if m.Down {
		return "down"
	}
	return "up"
}

// A Step is a transaction, or a statement that cannot run in one: it is applied whole, and tried again whole.
type Step struct {
	Move  *Move  // nil for a step of the tool's own
	title string // for a person
	Ops   []Op

	// Of a file in one transaction, in place of title and operations: what stands around it is more text than most files.
	Framing *framing

	// Of no-transaction files only:
	Part      bool               // other steps follow for the same move
	Runs      *sqlfile.Statement // when it is done, this statement is
	Begins    *sqlfile.Statement // when it is done, this statement is about to run outside a transaction
	Number    int                // of that statement, from 1
	Of        int                // how many there are
	Alone     bool               // there is no transaction, and what is not the tool's own needs a message of its own
	Patient   bool               // it may wait for locks as long as it takes
	Unwatched bool               // a second connection would be in its way
}

// A Writer turns moves into steps. Running and printing differ in these fields only.
type Writer struct {
	Table         history.Table
	RunID         string
	Major         int             // the server's major version
	KeepsLock     bool            // the session keeps the run lock between its transactions; otherwise each of them takes it
	Pooled        bool            // the session is a pooler's, and others use it after us
	CheckInterval bool            // the server takes client_connection_check_interval
	Citus         bool            // the server is a coordinator, and what files do goes on to its workers
	Superuser     bool            // the session is a superuser's
	Exposed       []history.Table // those that a stranger may have put something on, which it would run as such
}

// CreateHistory makes the table. Two poolers' clients may do so at once: the loser's error is one that is read again.
func (s Writer) CreateHistory() *Step {
	return s.Transaction(fmt.Sprintf("make the history table %s", s.Table), append([]Op{{Kind: OpClaim, SQL: s.Table.DDL()}}, s.newOwner(s.Table)...)...)
}

// Transaction is a step of the tool's own.
func (s Writer) Transaction(title string, operations ...Op) *Step {
	ops := slices.Concat(
		s.open("", ""), s.localTables(), operations, s.RequireCoordinator(), []Op{{Kind: OpCommit, SQL: "commit"}},
	)
	return &Step{title: title, Ops: ops}
}

// A framing is what stands around every file, and is the same for all of a plan.
type framing struct {
	Writer
	settings, lock, home, after, clean []Op
}

func (s Writer) Framing() *framing {
	return &framing{
		Writer: s, settings: s.settings(""), lock: s.locking(), home: s.RequireCoordinator(),
		after: slices.Concat(s.keepFromWorkers(), resets(), s.unlimited()), clean: s.clean(),
	}
}

// LayOut returns everything that is to be sent for the step.
func (s *Step) LayOut() []Op {
	if s.Framing == nil {
		return s.Ops
	}
	return s.Framing.Transaction(s.Move)
}

// Heading says to a person what the step does.
func (s *Step) Heading() string {
	if s.Framing == nil {
		return s.title
	}
	return title(s.Move)
}

// Transaction is everything that is to be sent for one file.
func (f *framing) Transaction(move *Move) []Op {
	limit := Frame("set local lock_timeout = " + milliseconds(move.LockTimeout))
	return slices.Concat(
		f.opening(move.Isolation, append(slices.Clip(f.settings), f.named(move.Version)), f.lock), []Op{f.claim(move)}, f.home,
		[]Op{limit}, f.tellWorkers(limit), []Op{fileOp(move.File)},
		f.after, []Op{limit, deferred(), f.seal(move), {Kind: OpCommit, SQL: "commit"}}, f.clean,
	)
}

// milliseconds is a timeout as SQL. It is rounded up: 0 would be none.
func milliseconds(d time.Duration) string {
	return "'" + strconv.FormatInt(int64((d+time.Millisecond-1)/time.Millisecond), 10) + "ms'"
}

func title(move *Move) string {
	if move.Down {
		return "revert " + move.Version
	}
	return "apply " + move.Version
}

// claim writes the history row before the file runs. Whoever gets it does the work; whoever comes second waits for the
// first one's end and then fails on the primary key, or finds the row gone.
func (s Writer) claim(move *Move) Op {
	version := sqltext.Literal(move.Version)
	if move.Down {
		return Op{Kind: OpClaim, SQL: sqltext.Block(sqltext.RequireRow(
			fmt.Sprintf("update %s set applied_at = applied_at where version operator(pg_catalog.=) %s", s.Table.SQL(), version),
			sqltext.Raise(CodeGone, "it is not applied any more", "")))}
	}
	insert := s.Insert(version, sqltext.Literal(move.Checksum))
	if move.Repeatable { // its row may be there, with the checksum of an older text
		insert = sqltext.Block(sqltext.RequireRow(
			fmt.Sprintf("%s\n  on conflict (version) do update set checksum = excluded.checksum\n    where not coalesce(%s.checksum operator(pg_catalog.=) excluded.checksum, false)", insert, sqltext.Ident(s.Table.Name)),
			sqltext.Raise(CodeGone, "it is applied already", "")))
	}
	return Op{Kind: OpClaim, SQL: insert}
}

// Insert takes expressions.
func (s Writer) Insert(version, checksum string) string {
	return fmt.Sprintf("insert into %s (version, applied_at, checksum)\nvalues (%s, %s, %s)", s.Table.SQL(), version, utcNow, checksum)
}

func deferred() Op {
	return Op{Kind: OpDeferred, SQL: "set constraints all immediate"}
}

// seal refuses to commit when the row is gone or belongs to another transaction: the file has dropped or emptied the
// history, or ended the transaction in a way that review did not see.
func (s Writer) seal(move *Move) Op {
	return Op{Kind: OpSeal, SQL: sqltext.Block(sqltext.RequireRow(
		s.sealed(move.Down, sqltext.Literal(move.Version)),
		sqltext.Raise(CodeSeal, "the row of this file is gone or changed in "+s.Table.String(), sealHint)))}
}

// sealed writes the row of a version, an expression, where it is this transaction's.
func (s Writer) sealed(down bool, version string) string {
	write := "update %s set applied_at = " + utcNow
	if down {
		write = "delete from %s"
	}
	return fmt.Sprintf(write+"\n  where version operator(pg_catalog.=) %s\n    and xmin operator(pg_catalog.=) pg_catalog.pg_current_xact_id()::pg_catalog.xid",
		s.Table.SQL(), version)
}

// frameSize is about how much of a message stands around a file, besides its name.
const frameSize = 420

// Size is about how much of a message the step takes.
func (s *Step) Size() (bytes int) {
	if s.Framing != nil {
		return len(s.Move.File.Text) + frameSize + 3*len(s.Move.Version)
	}
	for i := range s.Ops {
		bytes += len(s.Ops[i].SQL)
	}
	return bytes
}
