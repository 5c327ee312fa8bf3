package servertest

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
)

// TestADownThatHasWaitedForAnUpDoesNotRevertWhatIsNotTheNewestAnyMore: what was to be reverted was chosen before.
func TestADownThatHasWaitedForAnUpDoesNotRevertWhatIsNotTheNewestAnyMore(t *testing.T) {
	t.Parallel()
	url := applied(t, 2)
	fsys := ledgerFiles(3)
	fsys["003_file.sql"] = files("x", "select pg_sleep(5);\ninsert into ledger values (3);\n")["x"]
	up := inBackground(t, open(t, url, fsys, migrator.Config{}))
	waitFor(t, url, oneSleeps)
	_, err := open(t, url, fsys, migrator.Config{}).Run(patience(t), migrator.Down(1))
	require.EqualError(t, err, "revert 002_file.sql: the newest applied one is 003_file.sql by now; plan again")
	require.NoError(t, (<-up).err)
	require.Equal(t, ledgerState(3), state(t, url))
}

func TestACancelWhileTheDatabaseIsWaitedForIsNamed(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	proxy := pgproxy.Start(t, url)
	proxy.Cut(pgproxy.Cut{At: pgproxy.BeforeForward, Kill: true, Match: func(m pgproxy.Message) bool { return m.Type == 'Q' }})
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("that is enough")
	_, err := open(t, proxy.URL(), ledgerFiles(2), migrator.Config{Observe: func(e migrator.Event) {
		if e.Kind == migrator.EventReconnecting {
			cancel(enough) // before the pause that follows
		}
	}}).Run(ctx, migrator.Up())
	require.ErrorIs(t, err, enough)
	require.ErrorContains(t, err, "that is enough, while the database was waited for")
}
