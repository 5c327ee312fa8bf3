// Package script is exactly what is sent to the database for a plan, as data: operations, laid out once for each step. They are
// sent alone, together with other steps, one by one, or printed.
package script

import (
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// The SQLSTATEs that our own statements raise.
const (
	CodeGone   = "MG001" // the history row is not as it was read: another run has done the work
	CodeSeal   = "MG002" // the history row does not belong to this transaction any more
	CodeLocked = "MG003" // another run holds the run lock
)

// An OpKind says what an operation is for.
type OpKind uint8

// The kinds of operations.
const (
	OpFrame    OpKind = iota // BEGIN, settings and resets around a file
	OpLock                   // takes the run lock; a message needs it once
	OpClaim                  // writes the history row before the file runs: the primary key decides who applies a file
	OpFile                   // the file
	OpDeferred               // fires deferred triggers and constraints before the seal
	OpSettle                 // clears up after an interrupted statement, in a message of its own
	OpSeal                   // checks that the history row still belongs to this transaction
	OpCommit                 // commits
	OpClean                  // frees what outlives the transaction; a message needs it once, at its end
	OpClock                  // answers when a step begins, where several are in a message
)

// An Op is one statement to send, or the statements of a file.
type Op struct {
	Kind     OpKind
	SQL      string
	Prepared *Prepared // the form for a session that has it prepared; nil: none

	// Of OpFile only: the file, where SQL begins in it, and its statements in SQL.
	File       *sqlfile.File
	offset     int
	statements []sqllex.Statement
}

// end separates an operation from the next one. A file may end in a comment, or without a semicolon.
func (o *Op) end() string {
	if o.Kind == OpFile {
		return "\n;\n"
	}
	return ";\n"
}

// Frame is an operation around a file.
func Frame(sql string) Op { return Op{Kind: OpFrame, SQL: sql} }

func clean(sql string) Op { return Op{Kind: OpClean, SQL: sql} }

func deferred() Op { return Op{Kind: OpDeferred, SQL: "set constraints all immediate"} }

func commit() Op { return Op{Kind: OpCommit, SQL: "commit"} }

// fileOp sends all of a file.
func fileOp(file *sqlfile.File) Op {
	return Op{Kind: OpFile, SQL: file.Text, File: file, statements: file.Statements}
}

// StatementOp sends one statement of a file.
func StatementOp(file *sqlfile.File, statement sqllex.Statement) Op {
	return Op{Kind: OpFile, SQL: statement.Text(file.Text), File: file, offset: statement.Start, statements: []sqllex.Statement{statement}}
}

// SettingOps send the settings that a file makes before a statement.
func SettingOps(file *sqlfile.File, u *sqlfile.Statement) (ops []Op) {
	for _, s := range u.Settings {
		ops = append(ops, StatementOp(file, s.Span))
	}
	return ops
}
