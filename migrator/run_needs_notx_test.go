package migrator

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
)

const noTransactionHeader = "-- migrator: no-transaction\n"

// withoutTransaction reviews a no-transaction file of these statements.
func withoutTransaction(tb testing.TB, statements ...string) *sqlfile.File {
	tb.Helper()
	script, err := loadedScript("1_a.sql", noTransactionHeader+strings.Join(statements, ";\n")+";\n")
	require.NoError(tb, err)
	file, err := review(script)
	require.NoError(tb, err, script.SQL)
	return file
}

// What a procedure or the catalog hides is learned from the server's refusal.
func TestAStepLearnsFromTheServerThatItCannotRunInATransaction(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code string
		kind script.OpKind
		at   string // where the error struck
		want bool
	}{
		{"25001", script.OpFile, "reindex", true},
		{"2D000", script.OpFile, "reindex", true},
		{"25001", script.OpFile, "set", false}, // a setting that comes too late in a transaction is no trait of the statement
		{"25001", script.OpClaim, "reindex", false},
		{"42501", script.OpFile, "reindex", false},
	} {
		file := withoutTransaction(t, "set role x", "reindex table parts")
		u := file.Separate[0]
		failed := &failure{err: fmt.Errorf("sent: %w", &pgconn.PgError{Code: c.code}), operation: script.StatementOp(file, u.Span), offset: strings.Index(file.Text, c.at)}
		failed.operation.Kind = c.kind
		require.Equal(t, c.want, needsNoTransaction(u, failed), "%+v", c)
		require.Equal(t, c.want, u.NonTx != nil, "%+v", c)
		if c.want {
			require.Equal(t, sqlfile.Reindexes, u.NonTx.Kind)
			require.False(t, needsNoTransaction(u, failed), "it is no news the second time")
		}
	}
}
