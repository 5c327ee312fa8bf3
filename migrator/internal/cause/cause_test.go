package cause_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/cause"
)

func TestAnErrorIsWhatHasEndedItsContextAndWhy(t *testing.T) {
	t.Parallel()
	why, other := errors.New("the machine goes down"), errors.New("a syntax error")
	cancelled, cancel := context.WithCancelCause(context.Background())
	cancel(why)
	late, stop := context.WithDeadlineCause(context.Background(), time.Unix(1, 0), why)
	defer stop()
	plain, end := context.WithCancel(context.Background())
	end()
	for name, c := range map[string]struct {
		ctx  context.Context //nolint:containedctx // it is what differs
		err  error
		text string
		is   []error
	}{
		"of a cause":                      {cancelled, cause.Of(cancelled), "the machine goes down", []error{why, context.Canceled}},
		"of a cause at a deadline":        {late, cause.Of(late), "the machine goes down", []error{why, context.DeadlineExceeded}},
		"of none":                         {plain, cause.Of(plain), "context canceled", []error{context.Canceled}},
		"the context's, without a cause":  {cancelled, fmt.Errorf("dial: %w", context.Canceled), "the machine goes down: dial: context canceled", []error{why, context.Canceled}},
		"the cause, without the context":  {late, fmt.Errorf("read: %w", why), "read: the machine goes down", []error{why, context.DeadlineExceeded}},
		"something else":                  {cancelled, other, "a syntax error", []error{other}},
		"the context's, of which is none": {plain, context.Canceled, "context canceled", []error{context.Canceled}},
	} {
		err := cause.Add(c.ctx, c.err)
		require.EqualError(t, err, c.text, name)
		for _, is := range c.is {
			require.ErrorIs(t, err, is, name)
		}
	}
	require.NotErrorIs(t, cause.Add(cancelled, other), context.Canceled)
	require.NoError(t, cause.Add(cancelled, nil))
	byUser := fmt.Errorf("run: %w", &pgconn.PgError{Code: "57014", Message: "canceling statement due to user request"})
	require.EqualError(t, cause.Answer(cancelled, byUser), "the machine goes down")
	require.Equal(t, byUser, cause.Answer(context.Background(), byUser), "by another user")
	require.Equal(t, other, cause.Answer(cancelled, other))
	require.NoError(t, cause.Of(context.Background()))
	require.Equal(t, other, cause.Add(context.Background(), other))
}
