package migratortest

import (
	"database/sql"
	"testing"

	_ "github.com/lib/pq"
	"github.com/stretchr/testify/require"
)

// TestADatabaseIsForAnyDriver: lib/pq is pickier than pgx about how a server asks for its password.
func TestADatabaseIsForAnyDriver(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("postgres", Database(t))
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, db.PingContext(t.Context()))
}
