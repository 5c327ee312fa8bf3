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

// An class says what to do about an error.
type class uint8

const (
	final     class = iota // the user's to mend
	cancelled              // the context has ended
	lost                   // the connection, or the server, is gone: dial again and ask the history
	busy                   // a lock was not to be had: rolled back, try again
	taken                  // another runner has done it: read the history again
	locked                 // another run holds the lock
)

// classify sorts an error that came back for an operation. watched: the watch has cancelled the statement because it
// waited for locks too long.
func classify(ctx context.Context, kind script.OpKind, err error, watched bool, srv history.Server) class {
	var pg *pgconn.PgError
	switch {
	case ctx.Err() != nil:
		return cancelled
	case !errors.As(err, &pg):
		return lost
	case isLost(pg, srv) && !leavesConnection(pg, srv):
		return lost
	case kind == script.OpClean: // it is committed, and nothing is there to try again
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
	case sqlstate.UniqueViolation, sqlstate.DuplicateTable, sqlstate.DuplicateObject: // two runs create the history
		if kind == script.OpClaim {
			return taken
		}
	}
	if metInCatalog(pg) {
		return busy
	}
	return final
}

// catalogTries is how often a statement is sent that meets others in a catalog each time: perhaps it is not they that are in
// the way.
const catalogTries = 5

// metInCatalog reports whether a statement has changed a row of a catalog at the same moment as another one, as GRANT, ALTER
// ROLE or CREATE SCHEMA may. Roles, databases and tablespaces belong to the whole server, so that it may have been the run of
// another database.
func metInCatalog(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	switch pg.Code {
	case sqlstate.InternalError: // updated or deleted; PostgreSQL does not translate it
		return strings.HasPrefix(pg.Message, "tuple concurrently ")
	case sqlstate.UniqueViolation:
		return pg.SchemaName == "pg_catalog"
	}
	return false
}

// isLost reports whether the server, or a pooler before it, has given the connection up, or will not take one now.
func isLost(pg *pgconn.PgError, srv history.Server) bool {
	switch pg.Code {
	case sqlstate.AdminShutdown, sqlstate.CrashShutdown, sqlstate.CannotConnectNow,
		sqlstate.IdleSessionTimeout, sqlstate.IdleInTransactionTimeout, sqlstate.TransactionTimeout,
		sqlstate.TooManyConnections,
		sqlstate.ConnectionException, sqlstate.ConnectionDoesNotExist, sqlstate.ConnectionFailure, sqlstate.UnableToConnect: // as poolers report it
		return true
	case sqlstate.ProtocolViolation:
		return !refusedByPooler(pg)
	case sqlstate.ReadOnlyTransaction: // after a failover the address may lead to a standby
		return srv.Standby
	}
	return false
}

// leavesConnection reports whether an error is about another connection, which a statement has made: to a publisher, or by
// dblink. The server itself ends a connection with FATAL. A pooler may not, and Citus has lost one that the statement needs.
func leavesConnection(pg *pgconn.PgError, srv history.Server) bool {
	return pg.SeverityUnlocalized == "ERROR" && pg.Code != sqlstate.ReadOnlyTransaction && !srv.Pooled && !srv.Citus
}

// refusesTransactions recognises pgbouncer in statement mode, by the one text it has for it.
func refusesTransactions(pg *pgconn.PgError) bool {
	return pg.Code == sqlstate.ProtocolViolation && strings.Contains(pg.Message, "statement pooling mode")
}
