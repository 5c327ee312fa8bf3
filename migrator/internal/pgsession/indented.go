package pgsession

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/printable"
)

// indented indents the lines of a server message, so that they cannot look like ours: whoever raises an error chooses its text.
func indented(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || !strings.Contains(pg.Message, "\n") {
		return err
	}
	return &indentedError{text: strings.ReplaceAll(err.Error(), pg.Message, printable.Indented(pg.Message)), err: err}
}

// An indentedError is an error with another text.
type indentedError struct {
	text string
	err  error
}

func (e *indentedError) Error() string { return e.text }

func (e *indentedError) Unwrap() error { return e.err }
