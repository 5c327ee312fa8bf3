package migrator

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
)

// needsNoTransaction learns from an error that a statement cannot run in a transaction. The text of the statement may not show
// that: the server finds it in the catalog (REINDEX of a partitioned table), or a procedure commits.
func needsNoTransaction(u *sqlfile.Statement, failed *failure) bool {
	var pg *pgconn.PgError
	if u.NonTx != nil || failed.operation.Kind != script.OpFile || failed.offset < u.Span.Start || !errors.As(failed.err, &pg) {
		return false
	}
	if pg.Code != sqlstate.ActiveTransaction && pg.Code != sqlstate.InvalidTermination {
		return false
	}
	if pg.Code == sqlstate.InvalidTermination && strings.Contains(pg.Where, " EXECUTE") { // under EXECUTE nothing can commit, even outside a transaction
		return false
	}
	u.NonTx = sqlfile.ReadNonTx(u.Span.Text(failed.operation.File.Text))
	return true
}
