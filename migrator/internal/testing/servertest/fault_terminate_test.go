package servertest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
)

// TestPromise3ABackendThatIsTerminatedIsReplaced terminates one of a run's two connections in the middle of a file, while
// another run waits for its turn: it may get the lock before the first one is back.
func TestPromise3ABackendThatIsTerminatedIsReplaced(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	for name, victim := range map[string]struct {
		where string
		pause time.Duration // of a file
	}{
		"the worker": {"application_name ~ '^migrator [0-9a-f]+ [0-9]+_'", 30 * time.Millisecond},
		"the watch":  {"application_name like 'migrator % watch'", 250 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachFault(t, func(t *testing.T, c faultCase) {
				const trials = 5
				hits := 0
				for tried := 0; hits < trials; tried++ {
					require.Less(t, tried, 4*trials, "connections were terminated while files ran")
					if terminateOnce(t, c, victim.where, victim.pause) {
						hits++
					}
				}
			})
		})
	}
}

// terminateOnce runs two at once and terminates a backend of whoever works, at a random moment.
func terminateOnce(t *testing.T, c faultCase, victim string, pause time.Duration) (hit bool) {
	t.Helper()
	const files = 8
	first := fmt.Sprintf("select pg_sleep(%g)", pause.Seconds())
	url := newDatabase(t)
	started := newStarts()
	c.config.Observe = started.observe
	m := open(t, url, c.files(files, first), c.config)
	one, other := inBackground(t, m), inBackground(t, m)
	killer := connect(t, url)
	defer killer.Close(t.Context())
	started.wait(t, 1+rand.IntN(files-2))
	time.Sleep(rand.N(pause))
	for ended := time.Now().Add(time.Second); !hit && time.Now().Before(ended); { // not between two files
		var n int
		require.NoError(t, killer.QueryRow(t.Context(), "select count(pg_terminate_backend(pid)) from pg_stat_activity a where datname = current_database() and "+victim).Scan(&n))
		hit = n > 0
	}
	applied := map[migrator.Version]bool{}
	for _, ended := range []<-chan ran{one, other} {
		run := <-ended
		require.NoError(t, run.err)
		require.LessOrEqual(t, len(run.results), files)
		for _, result := range run.results { // one that both report was lost by the first and then applied by the second
			applied[result.Version] = true
		}
	}
	require.Len(t, applied, files)
	require.ElementsMatch(t, c.want(files), c.state(t, url))
	return hit
}

func TestAWatchThatWasLostIsReplaced(t *testing.T) {
	t.Parallel()
	eachFault(t, func(t *testing.T, c faultCase) {
		const watch = "from pg_stat_activity a where application_name like 'migrator % watch' and datname = current_database()"
		url := newDatabase(t)
		started := newStarts()
		c.config.Observe = started.observe
		ended := inBackground(t, open(t, url, c.files(3, "select pg_sleep(1)"), c.config))
		started.wait(t, 1)
		waitFor(t, url, "select (count(*) = 1)::text "+watch)
		lost := query(t, url, "select pid::text "+watch)
		require.Len(t, lost, 1)
		execute(t, url, "select pg_terminate_backend("+lost[0]+")")
		waitFor(t, url, "select (count(*) = 1)::text "+watch+" and pid <> "+lost[0])
		run := <-ended
		require.NoError(t, run.err)
		require.Len(t, run.results, 3)
		require.ElementsMatch(t, c.want(3), c.state(t, url))
	})
}
