package web

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestAThousandRequestsMakeOneConnection(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sql  string
		code int
		text string
	}{
		"that succeeds": {"select", http.StatusOK, `"version":"006_migrate_agent_status.sql"`},
		"that fails":    {"alter table schema_migrations rename column version to another", http.StatusServiceUnavailable, "the database cannot be read; see the log"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			d.exec(t, test.sql)
			_, address := serve(t, func(s *Server) { s.limits.keep = time.Minute }, d.migrator.Status)
			var group sync.WaitGroup
			for range 20 {
				group.Go(func() {
					client := &http.Client{Transport: &http.Transport{}} // which keeps its connection
					for range 50 {
						response, err := client.Get("http://" + address + "/migrations.json")
						if err == nil {
							_ = response.Body.Close()
						}
					}
					client.CloseIdleConnections()
				})
			}
			group.Wait()
			last := get(address, "/migrations.json")
			require.NoError(t, last.err)
			require.Equal(t, test.code, last.code)
			require.Contains(t, last.body, test.text)
			require.EqualValues(t, 1, d.connections.Load())
		})
	}
}

func TestWhatWasReadIsReadAgainLater(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	_, address := serve(t, func(s *Server) { s.limits.keep = 50 * time.Millisecond }, d.migrator.Status)
	require.NotContains(t, get(address, "/migrations.json").body, "pending")
	d.exec(t, "delete from schema_migrations where version = '006_migrate_agent_status.sql'")
	require.Eventually(t, func() bool {
		return http.StatusOK == get(address, "/migrations.json").code && d.connections.Load() > 1
	}, 10*time.Second, 20*time.Millisecond)
	require.Contains(t, get(address, "/migrations.json").body, "pending")
}

// TestALockedHistoryIsAnsweredAtOnceForAll has no request wait for the lock, and leaves no session that does.
func TestALockedHistoryIsAnsweredAtOnceForAll(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	_, address := serve(t, func(s *Server) {
		s.limits.patience, s.limits.read, s.limits.keep = 200*time.Millisecond, 500*time.Millisecond, 100*time.Millisecond
	}, d.migrator.Status)
	blocker, err := pgx.ConnectConfig(t.Context(), d.Config())
	require.NoError(t, err)
	defer blocker.Close(t.Context())
	_, err = blocker.Exec(t.Context(), "begin; lock table schema_migrations in access exclusive mode")
	require.NoError(t, err)

	answers := make([]answer, 30)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() { answers[i] = get(address, "/migrations.json") })
	}
	group.Wait()
	for _, a := range answers {
		require.NoError(t, a.err)
		require.Equal(t, http.StatusServiceUnavailable, a.code)
		require.Contains(t, a.body, "it is locked, or the database is slow")
		require.Less(t, a.took, 10*time.Second)
	}
	require.Equal(t, http.StatusOK, get(address, "/healthz").code)
	require.LessOrEqual(t, d.connections.Load(), int64(10))
	require.Eventually(t, func() bool {
		var waiting int
		err := d.QueryRow(t.Context(), "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'").Scan(&waiting)
		return err == nil && waiting == 0
	}, 10*time.Second, 20*time.Millisecond, "the sessions that were given up end")

	_, err = blocker.Exec(t.Context(), "rollback")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return get(address, "/migrations.json").code == http.StatusOK }, 10*time.Second, 20*time.Millisecond)
}
