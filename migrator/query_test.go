package migrator

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"
)

// encoded is a Query message as pgx lays it out.
func encoded(t *testing.T, sql string) []byte {
	t.Helper()
	message, err := (&pgproto3.Query{String: sql}).Encode(nil)
	require.NoError(t, err)
	return message
}

func TestAQueryIsLaidOutAsPgxDoesIt(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{"", "select 'æ漢🐘'", strings.Repeat("x", 1<<17)} {
		q := newQuery(sql)
		require.Equal(t, encoded(t, sql), []byte(q))
		require.Equal(t, sql, q.text())
	}
}

func TestAMessageIsAQueryAlsoInTheMemoryOfAnother(t *testing.T) {
	t.Parallel()
	steps, long, r := sentTogether(t, loaded(t, "1_a.sql", "select 1", "2_b.sql", "select '"+strings.Repeat("x", 1000)+"'"), never(), Up())
	require.Equal(t, encoded(t, long.query.text()), []byte(long.query))
	r.worker.prepared = nil
	want := r.together(steps[:2]).query.text()
	before := &r.previous.query[0]
	r.worker.prepared = nil
	short := r.together(steps[:2])
	require.Same(t, before, &short.query[0])
	require.Equal(t, want, short.query.text())
	require.Equal(t, encoded(t, want), []byte(short.query))
	require.Less(t, len(short.query), len(long.query))
	for _, p := range short.parts {
		require.GreaterOrEqual(t, p.start, 0)
		require.True(t, strings.HasPrefix(want[p.start:], p.operation.sql) || p.operation.kind == opFile, "%d: %s", p.start, p.operation.sql)
	}
	require.True(t, slices.IsSortedFunc(short.parts, func(a, b part) int { return a.start - b.start }))
}

func TestWhatWasChosenAtAGlanceHoldsForTheSameRows(t *testing.T) {
	t.Parallel()
	rows := []record{{version: "1_a.sql", checksum: "a"}, {version: "2_b.sql"}}
	g := &glimpse{records: rows}
	for name, c := range map[string]struct {
		h    history
		want bool
	}{
		"the same":            {history{records: slices.Clone(rows)}, true},
		"one more":            {history{records: append(slices.Clone(rows), record{version: "3_c.sql"})}, false},
		"one less":            {history{records: rows[:1]}, false},
		"another checksum":    {history{records: []record{{version: "1_a.sql", checksum: "b"}, rows[1]}}, false},
		"another tool's":      {history{records: rows, finds: []find{{}}}, false},
		"something was begun": {history{records: rows, progress: []progress{{}}}, false},
	} {
		require.Equal(t, c.want, g.holds(&c.h), name)
	}
	require.True(t, (&glimpse{}).holds(&history{}), "of none")
	require.False(t, (*glimpse)(nil).holds(&history{}), "of nothing")
}

func TestWhatEndsWithItsContextSaysWhy(t *testing.T) {
	t.Parallel()
	why := errors.New("the machine goes down")
	ended, cancel := context.WithCancelCause(context.Background())
	cancel(why)
	cancelled := &pgconn.PgError{Code: "57014", Message: "canceling statement due to user request"}
	reset := errors.New("connection reset by peer")
	for name, c := range map[string]struct {
		ctx       context.Context //nolint:containedctx // it is what differs
		err, want error
	}{
		"an answer":                      {ended, nil, nil},
		"no answer in time":              {ended, os.ErrDeadlineExceeded, why},
		"no answer in time, not its own": {context.Background(), os.ErrDeadlineExceeded, os.ErrDeadlineExceeded},
		"the context itself":             {ended, context.Canceled, context.Canceled},
		"another error":                  {context.Background(), reset, reset},
	} {
		require.ErrorIs(t, endOf(c.ctx, c.err), c.want, name)
	}
	told := endOf(ended, cancelled)
	require.ErrorIs(t, told, why)
	require.ErrorIs(t, told, context.Canceled)
	require.NotContains(t, told.Error(), "user request", "the server knows no more")
	full := &pgconn.PgError{Code: "53100", Message: "could not extend file"}
	require.ErrorIs(t, endOf(ended, full), full, "what else the server says is kept")
	require.ErrorIs(t, endOf(ended, full), why)
}
