package migrator

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
)

// needsNoTransaction learns from an error that the statement cannot run in a transaction: what the server finds in its
// catalog (REINDEX of a partitioned table), or what a procedure does (COMMIT).
func needsNoTransaction(u *sqlfile.Statement, failed *failure) bool {
	var pg *pgconn.PgError
	if u.NonTx != nil || failed.operation.Kind != script.OpFile || failed.offset < u.Span.Start || !errors.As(failed.err, &pg) {
		return false
	}
	if pg.Code != sqlstate.ActiveTransaction && pg.Code != sqlstate.InvalidTermination {
		return false
	}
	if pg.Code == sqlstate.InvalidTermination && strings.Contains(pg.Where, " EXECUTE") { // under EXECUTE nothing can commit, outside a transaction neither
		return false
	}
	u.NonTx = sqlfile.ReadNonTx(u.Span.Text(failed.operation.File.Text))
	return true
}
