package cli

import (
	"errors"
	"io"

	"github.com/agent-shaker/agent-shaker/migrator/internal/printable"
)

// An output is where results are written. Its errors are a type of their own: the database's socket fails with the same ones.
type output struct{ io.Writer }

func (o output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if err != nil {
		err = &writeError{err}
	}
	return n, err
}

// writeError means that a result could not be written.
type writeError struct{ err error }

func (e *writeError) Error() string { return "write results: " + e.err.Error() }

func (e *writeError) Unwrap() error { return e.err }

// readerLeft reports whether a result could not be written because whoever read the results has seen enough: `| head`.
func readerLeft(err error) bool {
	var failed *writeError
	return errors.As(err, &failed) && closedPipe(failed.err)
}

// Printable shows a text, such as an error, on a terminal: what that would obey, or not show, is an escape such as \x1b. The
// commands print all of their texts so.
func Printable(text string) string { return printable.Text(text) }
