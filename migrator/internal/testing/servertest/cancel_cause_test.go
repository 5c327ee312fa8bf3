package servertest

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// silentServer takes connections and never answers.
func silentServer(t *testing.T) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return "postgres://u@" + listener.Addr().String() + "/d?sslmode=disable"
}

func TestWhatTheEndOfAContextEndsIsItsErrorAndItsCause(t *testing.T) {
	t.Parallel()
	locked := newDatabase(t)
	_, err := open(t, locked, ledgerFiles(1), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	holder := connect(t, locked)
	t.Cleanup(func() { _ = holder.Close(context.Background()) })
	_, err = holder.Exec(t.Context(), "begin; lock table schema_migrations")
	require.NoError(t, err)
	slow := newDatabase(t)
	for where, url := range map[string]string{
		"a locked history": locked, "a silent server": silentServer(t), "no server": "postgres://u@127.0.0.1:1/d?sslmode=disable", "a slow file": slow,
	} {
		m := open(t, url, files("001_ledger.sql", "select pg_sleep(60);\n", "001_ledger.down.sql", "select 1;\n"), migrator.Config{})
		calls := map[string]func(context.Context) error{
			"run":  func(ctx context.Context) error { _, err := m.Run(ctx, migrator.Up()); return err },
			"wait": func(ctx context.Context) error { return m.Wait(ctx, migrator.Current) },
		}
		if url == locked || where == "a silent server" {
			calls["down"] = func(ctx context.Context) error { _, err := m.Run(ctx, migrator.Down(1)); return err }
			calls["plan"] = func(ctx context.Context) error { _, err := m.Plan(ctx, migrator.Up()); return err }
			calls["status"] = func(ctx context.Context) error { _, err := m.Status(ctx); return err }
			calls["verify"] = m.Verify
		}
		for name, call := range calls {
			t.Run(where+" "+name, func(t *testing.T) {
				t.Parallel()
				why := errors.New("enough")
				late, stop := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, why)
				defer stop()
				err := call(late)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.ErrorIs(t, err, why)
				require.Equal(t, 1, strings.Count(err.Error(), "enough"), err)

				ended, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(300*time.Millisecond, func() { cancel(why) })
				err = call(ended)
				require.ErrorIs(t, err, context.Canceled)
				require.ErrorIs(t, err, why)
				require.NotContains(t, err.Error(), "user request")
				err = call(ended)
				require.ErrorIs(t, err, context.Canceled, "it has ended before")
				require.ErrorIs(t, err, why)
				require.Equal(t, 1, strings.Count(err.Error(), "enough"), err)
			})
		}
	}
}
