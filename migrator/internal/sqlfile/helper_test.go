package sqlfile

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// fileOf reads a file that runs in one transaction. The error has the form of a FileError.
func fileOf(name, sql string) (*File, error) {
	file, problems := Parse(name, sql, false)
	var all []error
	for _, p := range problems {
		line, column := sqllex.Position(sql, p.Offset)
		all = append(all, fmt.Errorf("%s:%d:%d: %s\nHINT: %s", name, line, column, p.Message, p.Hint))
	}
	return file, errors.Join(all...)
}

// separate reads a no-transaction file of these statements.
func separate(tb testing.TB, statements ...string) *File {
	tb.Helper()
	file, problems := Parse("1_a.sql", "-- migrator: no-transaction\n"+strings.Join(statements, ";\n")+";\n", true)
	require.Empty(tb, problems)
	return file
}
