package migrator

import (
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// fileOperation sends all of a file.
func fileOperation(file *sqlfile.File) operation {
	return operation{kind: opFile, sql: file.Text, file: file, statements: file.Statements}
}

// statementOperation sends one statement of a file.
func statementOperation(file *sqlfile.File, statement sqllex.Statement) operation {
	return operation{kind: opFile, sql: statement.Text(file.Text), file: file, offset: statement.Start, statements: []sqllex.Statement{statement}}
}

// settingOperations make the settings of a unit.
func settingOperations(file *sqlfile.File, u *sqlfile.Statement) (operations []operation) {
	for _, s := range u.Settings {
		operations = append(operations, statementOperation(file, s.Span))
	}
	return operations
}
