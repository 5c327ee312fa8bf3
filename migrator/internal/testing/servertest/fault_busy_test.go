package servertest

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
)

// longestAllowed is what a reader may wait: the lock timeout of 1.5 s, and a second since the machine may be busy.
const longestAllowed = 2500 * time.Millisecond

// A crowd reads tables all the time, as an application does.
type crowd struct {
	group   errgroup.Group
	left    chan struct{}
	longest atomic.Int64
}

func gather(t *testing.T, url string, readers int, tables ...string) *crowd {
	t.Helper()
	c := &crowd{left: make(chan struct{})}
	for i := range readers {
		conn := connect(t, url)
		sql := "select count(*) from " + tables[i%len(tables)]
		c.group.Go(func() error {
			defer conn.Close(context.Background())
			return c.read(conn, sql)
		})
	}
	return c
}

func (c *crowd) read(conn *pgx.Conn, sql string) error {
	for {
		select {
		case <-c.left:
			return nil
		case <-time.After(20 * time.Millisecond):
		}
		asked := time.Now()
		if _, err := conn.Exec(context.Background(), sql); err != nil {
			return err
		}
		for took := int64(time.Since(asked)); ; {
			longest := c.longest.Load()
			if took <= longest || c.longest.CompareAndSwap(longest, took) {
				break
			}
		}
	}
}

// leave returns how long a reader has waited at most.
func (c *crowd) leave(t *testing.T) time.Duration {
	t.Helper()
	close(c.left)
	require.NoError(t, c.group.Wait())
	longest := time.Duration(c.longest.Load())
	t.Logf("the longest wait of a reader: %s", longest)
	return longest
}

func TestPromise6ATableThatIsReadForLongIsAlteredAfterwardsAndItsReadersHardlyWait(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	url := newDatabase(t)
	execute(t, url, "create table busy (id int); insert into busy values (1)")
	idle, active := connect(t, url), connect(t, url)
	defer idle.Close(context.Background())
	defer active.Close(context.Background())
	_, err := idle.Exec(t.Context(), "set application_name = 'report'; begin; select count(*) from busy")
	require.NoError(t, err)
	began := time.Now()
	const last = 8 * time.Second
	var reader errgroup.Group
	reader.Go(func() error {
		_, err := active.Exec(context.Background(), "set application_name = 'export'; select id, pg_sleep(8) from busy")
		return err
	})
	waitFor(t, url, "select (count(*) = 1)::text from pg_stat_activity where application_name = 'export' and wait_event = 'PgSleep' and datname = current_database()")
	crowd := gather(t, url, 10, "busy")

	var seen recorder
	ended := inBackground(t, open(t, url, files("001_alter.sql", "alter table busy add x int;\n"), migrator.Config{Observe: seen.observe}))
	require.NoError(t, reader.Wait())
	_, err = idle.Exec(context.Background(), "commit")
	require.NoError(t, err)
	run := <-ended
	took := time.Since(began)
	longest := crowd.leave(t)
	require.NoError(t, run.err)
	require.Len(t, run.results, 1)
	require.Greater(t, took, last)
	require.Less(t, took, last+20*time.Second, "the last pause between two tries")
	require.Less(t, longest, longestAllowed)
	require.Greater(t, longest, time.Second, "the readers did meet the migration")

	require.NotEmpty(t, seen.of(migrator.EventRetrying))
	blockers := map[string]migrator.Backend{}
	for _, e := range seen.of(migrator.EventBlocked) {
		for _, b := range e.Backends {
			blockers[b.Application] = b
		}
	}
	require.Equal(t, idle.PgConn().PID(), blockers["report"].PID)
	require.Equal(t, "idle in transaction", blockers["report"].State)
	require.Contains(t, blockers["report"].Query, "select count(*) from busy")
	require.Greater(t, blockers["report"].Age, time.Second)
	require.Equal(t, active.PgConn().PID(), blockers["export"].PID)
	require.Equal(t, "active", blockers["export"].State)
	require.Contains(t, blockers["export"].Query, "select id, pg_sleep(8) from busy")
	require.Greater(t, blockers["export"].Age, time.Second)
}

// TestPromise6HoldsForThreeTablesWhoseBlockersLeaveOneAfterTheOther: each wait alone is below the lock timeout, and a reader
// of the first table would wait for their sum.
func TestPromise6HoldsForThreeTablesWhoseBlockersLeaveOneAfterTheOther(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	url, release := busy(t, "a", "b", "c")
	var seen recorder
	alter := files("001_alter.sql", "alter table a add x int;\nalter table b add x int;\nalter table c add x int;\n")
	crowd := gather(t, url, 9, "a", "b", "c")
	ended := inBackground(t, open(t, url, alter, migrator.Config{Observe: seen.observe}))
	for _, table := range []string{"a", "b", "c"} {
		time.Sleep(1200 * time.Millisecond)
		release(table)
	}
	run := <-ended
	longest := crowd.leave(t)
	require.NoError(t, run.err)
	require.Len(t, run.results, 1)
	require.Less(t, longest, longestAllowed)
	require.NotEmpty(t, seen.of(migrator.EventRetrying), "no try could get all three")
}
