//go:build unix

package servertest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// TestPromise6AnAutovacuumIsToldToGo: PostgreSQL cancels one that somebody has waited for as long as deadlock_timeout, which
// the lock timeout exceeds.
func TestPromise6AnAutovacuumIsToldToGo(t *testing.T) {
	t.Parallel()
	server := startServer(t, map[string]string{"autovacuum_naptime": "1s"})
	url := server.database(t, "vacuumed")
	execute(t, url, `
create table big (id int, filler text) with (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1,
	autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0, autovacuum_analyze_threshold = 100000000);
insert into big select i, repeat('x', 500) from generate_series(1, 20000) i;
delete from big where id % 2 = 0;`)
	const vacuum = "from pg_stat_activity where backend_type = 'autovacuum worker' and query like 'autovacuum: VACUUM public.big%'"
	waitFor(t, url, "select (count(*) = 1)::text "+vacuum)
	pid := query(t, url, "select pid::text "+vacuum)[0]

	var seen recorder
	began := time.Now()
	results, err := open(t, url, files("001_alter.sql", "alter table big add x int;\n"), migrator.Config{Observe: seen.observe}).Run(patience(t), migrator.Up())
	took := time.Since(began)
	t.Logf("altered after %s and %d tries in vain", took, len(seen.of(migrator.EventRetrying)))
	require.NoError(t, err)
	require.Len(t, results, 1)
	require.LessOrEqual(t, len(seen.of(migrator.EventRetrying)), 1)
	require.Less(t, took, 5*time.Second)
	blocked := seen.of(migrator.EventBlocked)
	require.NotEmpty(t, blocked, "it did wait for the vacuum")
	require.Equal(t, "autovacuum: VACUUM public.big", blocked[0].Backends[0].Query)
	require.Equal(t, pid, fmt.Sprint(blocked[0].Backends[0].PID))
}
