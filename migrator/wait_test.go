package migrator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/pgproxy"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

func TestWaitingForAnotherRunCostsOneShortMessageAtATime(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		url := migratortest.Database(t)
		started := newStarts()
		fsys := ledgerFiles(2)
		fsys["002_file.sql"] = files("x", "select pg_sleep(4);\ninsert into ledger values (2);\n")["x"]
		first := mode.config
		first.Observe = started.observe
		one := inBackground(t, open(t, url, fsys, first))
		started.wait(t, 2)

		proxy := pgproxy.Start(t, url)
		waits := make(chan migrator.Event, 100)
		second := mode.config
		second.Observe = func(e migrator.Event) {
			if e.Kind == migrator.EventWaiting {
				waits <- e
			}
		}
		other := inBackground(t, open(t, proxy.URL(), fsys, second))
		require.NotEmpty(t, (<-waits).Backends)
		proxy.Reset()
		time.Sleep(2 * time.Second)
		messages := proxy.Messages()
		require.NotEmpty(t, messages)
		require.Less(t, len(messages), 40)
		for _, m := range messages {
			if strings.Contains(m.SQL, "pg_stat_activity") || strings.Contains(m.SQL, "pg_stat_clear_snapshot") {
				continue // it says again who is waited for
			}
			require.True(t, strings.HasPrefix(m.SQL, "select pg_catalog.pg_try_advisory_xact_lock_shared("), m.SQL)
			require.Less(t, m.Length, 100)
		}
		for _, run := range []<-chan ran{one, other} {
			require.NoError(t, (<-run).err)
		}
		require.Equal(t, ledgerState(2), state(t, url))
	}
}
