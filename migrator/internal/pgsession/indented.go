package pgsession

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/printable"
)

// indented keeps the lines of a message of the server from looking like ours: whoever raises an error chooses its text.
func indented(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || !strings.Contains(pg.Message, "\n") {
		return err
	}
	return &indentedError{text: strings.ReplaceAll(err.Error(), pg.Message, printable.Indented(pg.Message)), err: err}
}

type indentedError struct {
	text string
	err  error
}

func (e *indentedError) Error() string { return e.text }

func (e *indentedError) Unwrap() error { return e.err }
