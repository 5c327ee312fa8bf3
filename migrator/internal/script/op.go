// Package script lays out, as data, exactly what is sent to the database for a plan. Each Step is a list of operations (Op). A
// run sends the operations of a step in one message (Message), together with other steps, or one by one. A dry run prints them.
package script

import (
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// An OpKind says what an operation is for.
type OpKind uint8

// The kinds of operations.
const (
	OpFrame    OpKind = iota // BEGIN, settings and resets around a file
	OpLock                   // takes the run lock; once in a message
	OpClaim                  // writes the history row, before the file runs, or the record; the primary key decides which run does it
	OpFile                   // sends the file
	OpDeferred               // fires deferred triggers and constraints before the seal
	OpSettle                 // clears up after an interrupted statement, in its own message
	OpSeal                   // checks that the history row still belongs to this transaction
	OpCommit                 // commits
	OpClean                  // comes after the commit and frees what has outlived it; once in a message, at its end
	OpClock                  // returns the time at which a step begins, in a message of several steps
)

// An Op is an operation: one statement to send, or the statements of a file.
type Op struct {
	Kind     OpKind
	SQL      string
	Prepared *Prepared // the form that Batch sends instead; nil: none

	// Only for OpFile: the file, the offset of SQL in its text in bytes, and the statements in SQL.
	File       *sqlfile.File
	offset     int
	statements []sqllex.Statement
}

// end returns the text that separates the operation from the next one. A file may end in a comment or without a semicolon.
func (o *Op) end() string {
	if o.Kind == OpFile {
		return "\n;\n"
	}
	return ";\n"
}

// Frame returns an OpFrame.
func Frame(sql string) Op { return Op{Kind: OpFrame, SQL: sql} }

func clean(sql string) Op { return Op{Kind: OpClean, SQL: sql} }

func deferred() Op { return Op{Kind: OpDeferred, SQL: "set constraints all immediate"} }

func commit() Op { return Op{Kind: OpCommit, SQL: "commit"} }

// fileOp sends a whole file.
func fileOp(file *sqlfile.File) Op {
	return Op{Kind: OpFile, SQL: file.Text, File: file, statements: file.Statements}
}

// StatementOp returns the operation that sends one statement of a file.
func StatementOp(file *sqlfile.File, statement sqllex.Statement) Op {
	return Op{Kind: OpFile, SQL: statement.Text(file.Text), File: file, offset: statement.Start, statements: []sqllex.Statement{statement}}
}

// SettingOps returns the operations that make the settings of a no-transaction file again, for one of its statements.
func SettingOps(file *sqlfile.File, u *sqlfile.Statement) (ops []Op) {
	for _, s := range u.Settings {
		ops = append(ops, StatementOp(file, s.Span))
	}
	return ops
}
