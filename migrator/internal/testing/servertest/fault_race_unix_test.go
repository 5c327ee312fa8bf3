//go:build unix

package servertest

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
)

// TestPromise4TwentyProcessesAtOnceTakeLittleLongerThanOne is not parallel to others, since it measures.
func TestPromise4TwentyProcessesAtOnceTakeLittleLongerThanOne(t *testing.T) {
	dbtest.Slow(t)
	for _, c := range faultCases() {
		for _, applied := range []int{0, 5} {
			t.Run(fmt.Sprintf("%s, %d applied", c.name, applied), func(t *testing.T) {
				var one, twenty time.Duration
				for tries := 0; tries < 3 && (tries == 0 || twenty >= 2*one+time.Second); tries++ { // the machine may be busy otherwise
					one, twenty = processesAtOnce(t, c, 1, applied), processesAtOnce(t, c, 20, applied)
					t.Logf("one: %s, twenty: %s", one, twenty)
				}
				require.Less(t, twenty, 2*one+time.Second)
			})
		}
	}
}

// processesAtOnce runs processes at once, with ten files pending after those that are applied, and returns how long it takes
// from their start until all have ended. Each ends with success, and each file was applied by one of them.
func processesAtOnce(t *testing.T, c faultCase, processes, applied int) time.Duration {
	t.Helper()
	const pending, first = 10, "select pg_sleep(0.02)"
	url := newDatabase(t)
	if applied > 0 {
		_, err := open(t, url, c.files(applied, first), c.config).Run(patience(t), migrator.Up())
		require.NoError(t, err)
	}
	children := make([]*child, processes)
	for i := range children {
		children[i] = startChild(t, childTask{URL: url, Case: c.name, Files: applied + pending, First: first})
	}
	began := time.Now()
	for _, child := range children {
		child.letGo()
	}
	for _, child := range children {
		<-child.ended
	}
	took := time.Since(began)
	finished := 0
	for i, child := range children {
		require.NoError(t, child.err, "process %d: %s", i, &child.stderr)
		for e := range child.events {
			if e.Kind == migrator.EventFinished {
				finished++
			}
		}
	}
	require.Equal(t, pending, finished)
	require.ElementsMatch(t, c.want(applied+pending), c.state(t, url))
	return took
}

// TestPromise4AStoppedProcessIsWaitedForAndNamedUntilItIsKilled stops the one that holds the lock: it is alive, and does
// nothing any more. The others wait, and say for whom. When it is killed they go on, also where its statement still runs.
func TestPromise4AStoppedProcessIsWaitedForAndNamedUntilItIsKilled(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	eachFault(t, func(t *testing.T, c faultCase) {
		const files, first = 5, "select pg_sleep(seconds) from pace"
		seconds, left := "60", "active"
		if c.config.OneByOne { // what comes after the statement is not sent any more
			seconds, left = "0.5", "idle in transaction"
		}
		url := newDatabase(t)
		execute(t, url, "create table pace as select "+seconds+" as seconds")
		task := childTask{URL: url, Case: c.name, Files: files, First: first}
		holder := startChild(t, task)
		holder.letGo()
		const worker = "from pg_stat_activity where application_name like 'migrator % 001_ledger.sql' and datname = current_database()"
		waitFor(t, url, "select (count(*) = 1)::text "+worker+" and wait_event = 'PgSleep'")
		require.NoError(t, holder.cmd.Process.Signal(syscall.SIGSTOP))
		execute(t, url, "delete from pace") // the others shall not sleep
		waitFor(t, url, "select (count(*) = 1)::text "+worker+" and state = '"+left+"'")
		named := query(t, url, "select pid || ' ' || application_name "+worker)[0]

		waiters := make([]*child, 3)
		for i := range waiters {
			waiters[i] = startChild(t, task)
			waiters[i].letGo()
		}
		for _, waiter := range waiters {
			e := waiter.until(t, migrator.EventWaiting, 2)
			require.Len(t, e.Backends, 1)
			require.Equal(t, named, fmt.Sprintf("%d %s", e.Backends[0].PID, e.Backends[0].Application))
		}
		killed := time.Now()
		holder.kill()
		for _, waiter := range waiters {
			<-waiter.ended
			require.NoError(t, waiter.err, "%s", &waiter.stderr)
		}
		took := time.Since(killed)
		t.Logf("the others had ended %s after its death", took)
		require.Less(t, took, 5*time.Second)
		require.ElementsMatch(t, c.want(files), c.state(t, url))
	})
}
