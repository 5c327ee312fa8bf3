package script

import (
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// fileOp sends all of a file.
func fileOp(file *sqlfile.File) Op {
	return Op{Kind: OpFile, SQL: file.Text, File: file, statements: file.Statements}
}

// StatementOp sends one statement of a file.
func StatementOp(file *sqlfile.File, statement sqllex.Statement) Op {
	return Op{Kind: OpFile, SQL: statement.Text(file.Text), File: file, offset: statement.Start, statements: []sqllex.Statement{statement}}
}

// SettingOps make the settings of a unit.
func SettingOps(file *sqlfile.File, u *sqlfile.Statement) (operations []Op) {
	for _, s := range u.Settings {
		operations = append(operations, StatementOp(file, s.Span))
	}
	return operations
}
