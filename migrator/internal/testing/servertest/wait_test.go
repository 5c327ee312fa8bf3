package servertest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
)

func TestWaitingForAnotherRunCostsOneShortMessageAtATime(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		url := newDatabase(t)
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
			if strings.Contains(m.SQL, "pg_stat_activity") {
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

func TestARunThatLosesItsConnectionWhileItWaitsDialsAgain(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	proxy := pgproxy.Start(t, url)
	// What is left of another run holds the lock.
	var key string
	proxy.Cut(pgproxy.Cut{Match: func(m pgproxy.Message) bool {
		_, rest, found := strings.Cut(m.SQL, "pg_catalog.pg_try_advisory_lock(")
		if found {
			key, _, _ = strings.Cut(rest, ")")
		}
		return false
	}})
	fsys := files("001_ledger.sql", "-- migrator: no-transaction\ncreate table ledger (file int);\ninsert into ledger values (1);\n")
	_, err := open(t, proxy.URL(), fsys, migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	empty(t, url)
	other := connect(t, url)
	defer other.Close(t.Context())
	_, err = other.Exec(t.Context(), "set application_name = 'migrator 0 001_ledger.sql'; select pg_advisory_lock("+key+")")
	require.NoError(t, err)

	var seen recorder
	waits := make(chan struct{}, 100)
	ended := inBackground(t, open(t, url, fsys, migrator.Config{Observe: func(e migrator.Event) {
		seen.observe(e)
		if e.Kind == migrator.EventWaiting {
			waits <- struct{}{}
		}
	}}))
	<-waits
	time.Sleep(200 * time.Millisecond)
	execute(t, url, "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'migrator % worker' and datname = current_database()")
	waitFor(t, url, "select (count(*) = 1)::text from pg_stat_activity where application_name like 'migrator % worker' and datname = current_database()")
	require.NoError(t, other.Close(t.Context()))
	run := <-ended
	require.NoError(t, run.err)
	require.Len(t, run.results, 1)
	require.NotEmpty(t, seen.of(migrator.EventReconnecting))
	require.Equal(t, []string{"1"}, query(t, url, "select file::text from ledger"))
}
