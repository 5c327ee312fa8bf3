package migrator

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
)

// addHint adds advice to an error of the server that has no hint of its own.
func addHint(c *connections, o *script.Op, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	if strings.HasPrefix(pg.Code, sqlstate.Own) {
		pg.Where = "" // it would name a block of the tool's own
	}
	if pg.Hint != "" {
		return err
	}
	switch {
	case refusesTransactions(pg):
		pg.Hint = "the pooler is in statement mode: connect to PostgreSQL directly, or through a pool in transaction or session mode"
	case o.Kind == script.OpSeal:
		pg.Hint = "this came when the file was done and its row in " + c.table.String() + " was looked at: a migration must not drop, rename or change that table"
	case o.Kind == script.OpDeferred:
		pg.Hint = "this came when all statements of the file had run: a deferred constraint or trigger"
	case o.Kind == script.OpCommit && !strings.HasPrefix(pg.Code, sqlstate.ClassInternal) && !strings.HasPrefix(pg.Code, sqlstate.ClassSystem): // not about the file
		pg.Hint = "this came at the commit after the file"
	case o.Kind == script.OpFile:
	case pg.Code == sqlstate.ReadOnlyTransaction && c.server.Standby:
		pg.Hint = "this server is a standby: connect to the primary"
	case pg.Code == sqlstate.ReadOnlyTransaction:
		pg.Hint = "default_transaction_read_only is on for this role or database, or the connection: alter role … set default_transaction_read_only = off"
	case pg.Code == sqlstate.InsufficientPrivilege && o.Kind == script.OpClaim && c.table.Schema != "":
		pg.Hint = grantFor(&c.server, c.table, o.SQL)
	case pg.Code == sqlstate.UniqueViolation && o.Kind == script.OpClaim:
		pg.Hint = "no other run is in the way: look for unique indexes and triggers of " + c.table.String() + " beside its primary key"
	}
	return err
}

// describeOp describes the failure of one of the tool's own operations.
func describeOp(c *connections, what string, o *script.Op, err error) error {
	return describeError(what, addHint(c, o, err))
}

// describeError adds the server's DETAIL and HINT to an error.
func describeError(what string, err error) error {
	var pg *pgconn.PgError
	var notes strings.Builder
	if errors.As(err, &pg) {
		writeNote(&notes, "DETAIL", pg.Detail)
		writeNote(&notes, "HINT", pg.Hint)
	}
	return fmt.Errorf("%s: %w%s", what, err, notes.String())
}
