package history

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

func TestTheHistoryIsReadInOneMessage(t *testing.T) {
	t.Parallel()
	for _, tbl := range []Table{{"", "schema_migrations"}, {"app", "o'clock $reference $table"}} {
		query := Query(tbl)
		statements, err := sqllex.Split(query)
		require.NoError(t, err)
		require.Len(t, statements, 5, "with two settings under which the rows are read")
		require.True(t, strings.HasSuffix(query, RecordsQuery(tbl.Rows())))
		require.Contains(t, query, "any (array["+sqltext.Literal(tbl.Name)+", "+sqltext.Literal(tbl.Progress().Name)+"]")
		require.Contains(t, query, "to_regclass("+sqltext.Literal(tbl.SQL())+")")
		require.NotContains(t, query, "--")
	}
}
