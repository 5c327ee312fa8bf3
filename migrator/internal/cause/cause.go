// Package cause makes errors that came of the end of a context known by both of its reasons: context.Canceled or
// context.DeadlineExceeded, and the cause that it was given.
package cause

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
)

// Of returns why a context has ended; nil: it has not.
func Of(ctx context.Context) error {
	why := context.Cause(ctx)
	if why == nil || errors.Is(why, ctx.Err()) {
		return why
	}
	return &ended{text: why.Error(), errs: []error{why, ctx.Err()}}
}

// Add adds to an error that came of the end of a context what it lacks. Other errors stay as they are.
func Add(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		<-ctx.Done() // a dialer's own timer may be the first to notice the deadline
	}
	if ctx.Err() == nil {
		return err
	}
	switch is, has := errors.Is(err, ctx.Err()), errors.Is(err, context.Cause(ctx)); {
	case is && !has:
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	case has && !is:
		return &ended{text: err.Error(), errs: []error{err, ctx.Err()}}
	}
	return err
}

// Answer is the error of a statement. Of one that was cancelled since its context has ended, the server says only that a user
// has asked for it.
func Answer(ctx context.Context, err error) error {
	var pg *pgconn.PgError
	if ctx.Err() != nil && errors.As(err, &pg) && pg.Code == sqlstate.QueryCanceled {
		return Of(ctx)
	}
	return Add(ctx, err)
}

// ended has the text of one error and is several.
type ended struct {
	text string
	errs []error
}

func (e *ended) Error() string { return e.text }

func (e *ended) Unwrap() []error { return e.errs }
