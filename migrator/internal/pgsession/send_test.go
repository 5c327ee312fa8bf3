package pgsession

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"
)

func TestTheLimitsThatAreLiftedAreThoseOfTheServersVersion(t *testing.T) {
	t.Parallel()
	for version, lifts := range map[string]bool{
		"14.23": false, "16.14 (Debian 16.14-1.pgdg12+1)": false, "": false,
		"17.10 (Debian 17.10-1.pgdg12+1)": true, "18.4": true, "19beta1": true,
	} {
		require.Contains(t, liftLimits(version), "set local statement_timeout = 0;\nset local lock_timeout = 0;\n")
		require.Equal(t, lifts, strings.Contains(liftLimits(version), "set local transaction_timeout = 0;\n"), version)
	}
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

// TestASessionKeepsTheMemoryOfSmallMessagesOnly: a file may be as large as the server takes.
func TestASessionKeepsTheMemoryOfSmallMessagesOnly(t *testing.T) {
	t.Parallel()
	server, client := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, server) }()
	config, err := pgconn.ParseConfig("")
	require.NoError(t, err)
	pg, err := pgconn.Construct(&pgconn.HijackedConn{Conn: client, Frontend: pgproto3.NewFrontend(client, client), Config: config})
	require.NoError(t, err)
	s := &Session{pg: pg}
	require.NoError(t, s.write(strings.Repeat("x", 1000)))
	kept := cap(s.buffer)
	require.GreaterOrEqual(t, kept, 1000)
	require.NoError(t, s.write(strings.Repeat("x", maxBuffer+1)))
	require.Equal(t, kept, cap(s.buffer))
}
