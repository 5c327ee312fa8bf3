package migrator

import (
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
)

// A failure is an error of the server, or of the connection, and where it struck.
type failure struct {
	err       error
	step      *step // of those that were sent together
	operation script.Op
	offset    int       // in the file's text; -1 when not known, or when it was not the file
	after     bool      // the file's part of the step had come back
	prepares  bool      // it has prepared or executed a statement of ours
	partly    bool      // the statement may have committed a part of its work before
	unread    bool      // the server has refused the message before it ran any of it
	ahead     int       // of the steps that it has not run, those before this one
	blockers  []Backend // who was in the way, where it got no lock
}

// answered reports whether the server has said that it failed.
func (f *failure) answered() bool {
	var pg *pgconn.PgError
	return errors.As(f.err, &pg)
}

// nowhere reports whether the server has refused a message without saying where.
func (f *failure) nowhere() bool {
	var pg *pgconn.PgError
	return f.unread && f.offset < 0 && errors.As(f.err, &pg) && pg.Code != sqlstate.QueryCanceled
}

// sayWhy replaces what the server says of our own cancel: that a user has asked for it.
func (f *failure) sayWhy(limit time.Duration) {
	var pg *pgconn.PgError
	if errors.As(f.err, &pg) && pg.Code == sqlstate.QueryCanceled {
		pg.Message = fmt.Sprintf("gave up after waiting %s for locks, all waits of the file together", limit)
	}
}
