//go:build unix

package servertest

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
)

// TestPromise3AProcessKilledAtAnyMomentNeedsNoRepair kills processes with kill -9, a hundred for each fixture, and runs
// again. That the moments are good ones is a part of the test.
func TestPromise3AProcessKilledAtAnyMomentNeedsNoRepair(t *testing.T) {
	t.Parallel()
	const lanes, files = 2, 20
	trials := dbtest.Rounds(25, 1)
	eachFault(t, func(t *testing.T, c faultCase) {
		var killed, midway atomic.Int32
		t.Run("trials", func(t *testing.T) { // ends when all lanes have ended
			for lane := range lanes {
				t.Run(fmt.Sprint(lane), func(t *testing.T) {
					t.Parallel()
					url := newDatabase(t)
					keep(t, url)
					for range trials {
						was, left := killOnce(t, url, c, files)
						if was {
							killed.Add(1)
						}
						if left > 0 && left < files {
							midway.Add(1)
						}
						empty(t, url)
					}
				})
			}
		})
		t.Logf("%d of %d were killed, %d of them with some files applied and some not", killed.Load(), lanes*trials, midway.Load())
		if testing.Short() {
			return // so few say nothing about the moments
		}
		require.Greater(t, killed.Load(), int32(lanes*trials*3/4), "processes that had not ended by themselves")
		require.Greater(t, midway.Load(), int32(lanes*trials/2), "processes in the middle of their work")
	})
}

// killOnce kills a process at a random moment and runs again. It returns whether the process had not ended before, and how
// many files it left to do.
func killOnce(t *testing.T, url string, c faultCase, files int) (killed bool, left int) {
	t.Helper()
	// It says something, so that the server notices who is gone.
	const first = "do $$ begin perform pg_sleep(0.004); raise notice 'slept'; end $$"
	process := startChild(t, childTask{URL: url, Case: c.name, Files: files, First: first})
	process.letGo()
	after, delay := rand.IntN(files+1), rand.N(12*time.Millisecond)
	if after == 0 {
		delay *= 8 // it connects, and makes the history
	} else {
		process.until(t, migrator.EventStarted, after)
	}
	time.Sleep(delay)
	process.kill()
	var exit *exec.ExitError
	if process.err != nil {
		require.ErrorAs(t, process.err, &exit)
		killed = exit.Sys().(syscall.WaitStatus).Signaled()
		require.True(t, killed, "%v: %s", process.err, &process.stderr)
	}
	results, err := open(t, url, c.files(files, first), c.config).Run(patience(t), migrator.Up())
	require.NoError(t, err, "killed %s after file %d was started", delay, after)
	require.ElementsMatch(t, c.want(files), c.state(t, url), "killed %s after file %d was started", delay, after)
	return killed, len(results)
}

func TestTheServerGivesUpTheStatementOfAProcessThatWasKilled(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	eachFault(t, func(t *testing.T, c faultCase) {
		url := newDatabase(t)
		process := startChild(t, childTask{URL: url, Case: c.name, Files: 1, First: "select pg_sleep(60)"})
		process.letGo()
		waitFor(t, url, oneSleeps)
		process.kill()
		killed := time.Now()
		waitFor(t, url, "select (count(*) = 0)::text from pg_stat_activity where application_name like 'migrator %' and datname = current_database()")
		require.Less(t, time.Since(killed), 10*time.Second)
		_, err := open(t, url, c.files(2, "select 1"), c.config).Run(patience(t), migrator.Up())
		require.NoError(t, err)
		require.ElementsMatch(t, c.want(2), c.state(t, url))
	})
}
