package migrator

import (
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
)

// A failure is an error of the server or of the connection, and the step that it ended.
type failure struct {
	err              error
	step             *step // the step that failed
	operation        script.Op
	offset           int       // where in the file, in bytes; -1: not known, or not in the file
	afterFile        bool      // the file had run: the error came from a later message of the step
	prepares         bool      // the operation prepares or executes one of our statements
	mayHaveCommitted bool      // the statement may have committed a part of its work
	unread           bool      // the server has refused the message before it ran any of it
	stepsBefore      int       // if unread: how many reported steps are before this one in the message
	blockers         []Backend // who was in the way, if it got no lock
}

// answered reports whether the error comes from the server.
func (f *failure) answered() bool {
	var pg *pgconn.PgError
	return errors.As(f.err, &pg)
}

// hasNoPlace reports whether the server has refused a message without saying where.
func (f *failure) hasNoPlace() bool {
	var pg *pgconn.PgError
	return f.unread && f.offset < 0 && errors.As(f.err, &pg) && pg.Code != sqlstate.QueryCanceled
}

// sayWhy replaces the server's text for our own cancel, which says that a user has requested it.
func (f *failure) sayWhy(limit time.Duration) {
	var pg *pgconn.PgError
	if errors.As(f.err, &pg) && pg.Code == sqlstate.QueryCanceled {
		pg.Message = fmt.Sprintf("gave up after waiting %s for locks, all waits of the file together", limit)
	}
}
