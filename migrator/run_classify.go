package migrator

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
)

// A class says what to do about an error.
type class uint8

const (
	final     class = iota // the user has to fix it
	cancelled              // the context has ended
	lost                   // the connection or the server is gone: dial again and read the history
	busy                   // the step got no lock and was rolled back: retry
	taken                  // another run has done it: read the history again
	locked                 // another run holds the run lock
)

// classify returns the class of an error of an operation. watched: the watch has canceled the statement, because it waited too
// long for locks.
func classify(ctx context.Context, kind script.OpKind, err error, watched bool, srv history.Server) class {
	var pg *pgconn.PgError
	switch {
	case ctx.Err() != nil:
		return cancelled
	case !errors.As(err, &pg):
		return lost
	case isLost(pg, srv) && !leavesConnection(pg, srv):
		return lost
	case kind == script.OpClean: // the step is committed, so there is nothing to retry
		return final
	}
	switch pg.Code {
	case sqlstate.LockNotAvailable, sqlstate.DeadlockDetected, sqlstate.SerializationFailure:
		return busy
	case sqlstate.QueryCanceled:
		if watched {
			return busy
		}
	case sqlstate.LockHeld:
		return locked
	case sqlstate.RowGone, sqlstate.RecordStale:
		return taken
	case sqlstate.UniqueViolation, sqlstate.DuplicateTable, sqlstate.DuplicateObject: // two runs met
		if kind == script.OpClaim {
			return taken
		}
	}
	if metInCatalog(pg) {
		return busy
	}
	return final
}

// catalogTries is how often a statement that meets others in a catalog is sent. If it fails each time, the others may not be the
// reason.
const catalogTries = 5

// metInCatalog reports whether a statement has changed a catalog row at the same moment as another statement. GRANT, ALTER ROLE
// and CREATE SCHEMA may do so. Roles, databases and tablespaces belong to the whole server, so the other one may run in another
// database.
func metInCatalog(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	switch pg.Code {
	case sqlstate.InternalError: // "updated" or "deleted"; PostgreSQL does not translate this text
		return strings.HasPrefix(pg.Message, "tuple concurrently ")
	case sqlstate.UniqueViolation:
		return pg.SchemaName == "pg_catalog"
	}
	return false
}

// isLost reports whether the server, or a pooler in front of it, has ended the connection or does not accept one now.
func isLost(pg *pgconn.PgError, srv history.Server) bool {
	switch pg.Code {
	case sqlstate.AdminShutdown, sqlstate.CrashShutdown, sqlstate.CannotConnectNow,
		sqlstate.IdleSessionTimeout, sqlstate.IdleInTransactionTimeout, sqlstate.TransactionTimeout,
		sqlstate.TooManyConnections,
		sqlstate.ConnectionException, sqlstate.ConnectionDoesNotExist, sqlstate.ConnectionFailure, sqlstate.UnableToConnect: // from poolers
		return true
	case sqlstate.ProtocolViolation:
		return !refusedByPooler(pg)
	case sqlstate.ReadOnlyTransaction: // after a failover the address may lead to a standby
		return srv.Standby
	}
	return false
}

// leavesConnection reports whether an error is about another connection that a statement has made, such as to a publisher or by
// dblink. A server that ends our connection says FATAL. A pooler may not, and on Citus the statement needs the lost connection
// to a worker.
func leavesConnection(pg *pgconn.PgError, srv history.Server) bool {
	return pg.SeverityUnlocalized == "ERROR" && pg.Code != sqlstate.ReadOnlyTransaction && !srv.Pooled && !srv.Citus
}

// refusesTransactions recognizes pgbouncer in statement mode by its error text.
func refusesTransactions(pg *pgconn.PgError) bool {
	return pg.Code == sqlstate.ProtocolViolation && strings.Contains(pg.Message, "statement pooling mode")
}
