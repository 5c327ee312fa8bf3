// Package cause completes errors that come from the end of a context. They match both its error (context.Canceled or
// context.DeadlineExceeded) and its cause.
package cause

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
)

// Of returns why a context has ended, as an error that matches both its error and its cause. It returns nil if the context has
// not ended.
func Of(ctx context.Context) error {
	why := context.Cause(ctx)
	if why == nil || errors.Is(why, ctx.Err()) {
		return why
	}
	return &ended{text: why.Error(), errs: []error{why, ctx.Err()}}
}

// Add adds to an error from the end of a context whichever of the context's error and cause it lacks. It returns all other
// errors unchanged.
func Add(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		<-ctx.Done() // the timer of a dialer may notice the deadline first
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

// Answer completes the error of a statement. If the statement was canceled because its context ended, it returns Of(ctx): the
// server's text says only that a user has requested it.
func Answer(ctx context.Context, err error) error {
	var pg *pgconn.PgError
	if ctx.Err() != nil && errors.As(err, &pg) && pg.Code == sqlstate.QueryCanceled {
		return Of(ctx)
	}
	return Add(ctx, err)
}

// ended has one text and matches several errors.
type ended struct {
	text string
	errs []error
}

func (e *ended) Error() string { return e.text }

func (e *ended) Unwrap() []error { return e.errs }
