package servertest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
)

func TestPromise1EachFileRunsExactlyOnce(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	m := open(t, url, ledgerFiles(3), migrator.Config{})
	results, err := m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Len(t, results, 3)
	results, err = m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Empty(t, results)
	require.Equal(t, ledgerState(3), state(t, url))
}

func TestPromise1HoldsForRunnersThatDoNotSeeTheLock(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	// Another runner without any lock has claimed file 2 and is not done yet.
	_, err := open(t, url, ledgerFiles(1), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	other := connect(t, url)
	defer other.Close(context.Background())
	_, err = other.Exec(t.Context(), "begin; insert into schema_migrations (version) values ('002_file.sql'); insert into ledger values (2)")
	require.NoError(t, err)

	var group errgroup.Group
	group.Go(func() error {
		_, err := open(t, url, ledgerFiles(3), migrator.Config{}).Run(patience(t), migrator.Up())
		return err
	})
	waitFor(t, url, "select (count(*) > 0)::text from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()")
	_, err = other.Exec(t.Context(), "commit")
	require.NoError(t, err)
	require.NoError(t, group.Wait())
	require.Equal(t, ledgerState(3), state(t, url))
}

func TestPromise2NothingIsHalfApplied(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	fsys := ledgerFiles(2)
	fsys["003_half.sql"] = files("x", "insert into ledger values (3);\nselect 1/0;\ninsert into ledger values (3);\n")["x"]
	results, err := open(t, url, fsys, migrator.Config{}).Run(patience(t), migrator.Up())
	require.Len(t, results, 2, "what came before stays")
	var failed *migrator.MigrationError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "003_half.sql", failed.Path)
	require.Equal(t, 2, failed.Line)
	require.Equal(t, "rolled back; nothing of this file was applied", failed.State)
	require.Equal(t, ledgerState(2), state(t, url))
}

// TestPromise3NoRepairByHand crashes a run at each message that it sends, before and after the server has it, and runs
// again: the end is that of an undisturbed run. The loop needs no upkeep: it ends where a run has no more messages.
func TestPromise3NoRepairByHand(t *testing.T) {
	t.Parallel()
	for _, past := range pasts {
		if past.counts {
			continue // it is not done by doing it again
		}
		for _, mode := range modes {
			for _, at := range moments {
				t.Run(fmt.Sprintf("%s/%s/%d", past.name, mode.name, at), func(t *testing.T) {
					t.Parallel()
					if at != pgproxy.AfterForward || mode.config.OneByOne {
						dbtest.Slow(t)
					}
					url := newDatabase(t)
					keep(t, url)
					for k := 1; ; k += stride() {
						past.prepare(t, url)
						if !crash(t, url, pgproxy.Cut{Match: pgproxy.Nth(k), At: at, Kill: true}, past, mode.config) {
							require.Greater(t, k, past.messages, "the undisturbed run sends some messages")
							return
						}
						results, err := open(t, url, past.files(), mode.config).Run(patience(t), past.target)
						require.NoError(t, err, "run again after message %d", k)
						require.LessOrEqual(t, len(results), past.results)
						require.Equal(t, past.done, past.state(t, url), "after message %d", k)
					}
				})
			}
		}
	}
}

// chatty has the server say when a transaction begins and ends, and more: at these moments of an answer it can be cut. Nobody
// is told of what it says.
func chatty(t *testing.T, url string) {
	t.Helper()
	execute(t, url, "alter database \""+database(t, url)+"\" set client_min_messages = debug5")
}

// TestPromise3NoRepairByHandOfFilesThatWereSentTogether is the same at moments between their beginnings and their ends: the
// server goes on with the others, and whoever runs again meets it.
func TestPromise3NoRepairByHandOfFilesThatWereSentTogether(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	dbtest.Slow(t)
	for _, past := range pasts {
		if past.together == 0 {
			continue
		}
		t.Run(past.name, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			keep(t, url)
			chatty(t, url)
			for k := 1; ; k++ {
				past.prepare(t, url)
				cut := pgproxy.Cut{Match: together, At: pgproxy.AtNotice, Notices: k, Kill: true}
				if !crash(t, url, cut, past, migrator.Config{}) {
					require.Greater(t, k, 3*past.together)
					return
				}
				_, err := open(t, url, past.files(), migrator.Config{}).Run(patience(t), past.target)
				require.NoError(t, err, "run again after notice %d", k)
				require.Equal(t, past.done, past.state(t, url), "after notice %d", k)
			}
		})
	}
}

// stride is how far a loop over all messages goes on: with -short it leaves most of them out.
func stride() int { return dbtest.Rounds(1, 8) }

var moments = []pgproxy.Moment{pgproxy.BeforeForward, pgproxy.AfterForward, pgproxy.AfterAnswer}

// modes are the two ways to walk a script.
var modes = []struct {
	name   string
	config migrator.Config
}{
	{"together", migrator.Config{}},
	{"one by one", migrator.Config{OneByOne: true}},
}

// crash runs through a proxy that cuts, without a second try; false when there was nothing to cut.
func crash(t *testing.T, url string, cut pgproxy.Cut, past past, config migrator.Config) bool {
	t.Helper()
	proxy := pgproxy.Start(t, url)
	proxy.Cut(cut)
	config.ReconnectFor = -1
	_, err := open(t, proxy.URL(), past.files(), config).Run(patience(t), past.target)
	if proxy.Cuts() == 0 {
		require.NoError(t, err)
		return false
	}
	return true
}

// TestPromise3WithinTheSameRun cuts one connection instead, and lets the run dial again: it ends well by itself.
func TestPromise3WithinTheSameRun(t *testing.T) {
	t.Parallel()
	for _, past := range pasts {
		for _, at := range moments {
			t.Run(fmt.Sprintf("%s/%d", past.name, at), func(t *testing.T) {
				t.Parallel()
				if at != pgproxy.AfterForward {
					dbtest.Slow(t)
				}
				url := newDatabase(t)
				keep(t, url)
				for k := 1; ; k += stride() {
					past.prepare(t, url)
					proxy := pgproxy.Start(t, url)
					proxy.Cut(pgproxy.Cut{Match: pgproxy.Nth(k), At: at})
					results, err := open(t, proxy.URL(), past.files(), migrator.Config{}).Run(patience(t), past.target)
					require.NoError(t, err, "message %d of %v", k, proxy.Messages())
					require.Equal(t, past.done, past.state(t, url), "message %d", k)
					require.Len(t, results, past.results, "message %d of %v", k, proxy.Messages())
					if proxy.Cuts() == 0 {
						require.Greater(t, k, past.messages)
						return
					}
				}
			})
		}
		t.Run(past.name+"/at a notice", func(t *testing.T) {
			t.Parallel()
			if past.together == 0 {
				return
			}
			dbtest.Slow(t)
			url := newDatabase(t)
			keep(t, url)
			chatty(t, url)
			for k, cuts := 1, 1; cuts > 0; k++ {
				past.prepare(t, url)
				proxy := pgproxy.Start(t, url)
				proxy.Cut(pgproxy.Cut{Match: together, At: pgproxy.AtNotice, Notices: k})
				results, err := open(t, proxy.URL(), past.files(), migrator.Config{}).Run(patience(t), past.target)
				require.NoError(t, err, "notice %d", k)
				require.Equal(t, past.done, past.state(t, url), "notice %d", k)
				require.Len(t, results, past.results, "notice %d of %v", k, proxy.Messages())
				cuts = proxy.Cuts()
			}
		})
	}
}

func TestPromise4AnyNumberOfReplicasMayStartAtOnce(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			atOnce(t, 20, 10, url, mode.config)
			require.ElementsMatch(t, ledgerState(10), state(t, url))
		})
	}
}

// atOnce runs replicas at once on an empty database. All succeed, and each file is claimed by the one that applied it.
func atOnce(t *testing.T, replicas, files int, url string, config migrator.Config) {
	t.Helper()
	applied := make([]int, replicas)
	var group errgroup.Group
	for i := range replicas {
		m := open(t, url, ledgerFiles(files), config)
		group.Go(func() error {
			results, err := m.Run(patience(t), migrator.Up())
			applied[i] = len(results)
			return err
		})
	}
	require.NoError(t, group.Wait())
	total := 0
	for _, n := range applied {
		total += n
	}
	require.Equal(t, files, total, "%v", applied)
}

func TestTwoRunsThatGoDownAtOnceRevertTheSameFile(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	_, err := open(t, url, ledgerFiles(5), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	other := connect(t, url)
	defer other.Close(context.Background())
	// Both have read the history before one of them gets to revert: a lock on the ledger sees to that.
	_, err = other.Exec(t.Context(), "begin; lock table ledger")
	require.NoError(t, err)
	var group errgroup.Group
	var reverted [2]int
	var seen recorder
	for i := range reverted {
		m := open(t, url, ledgerFiles(5), migrator.Config{LockTimeout: -1, Observe: seen.observe})
		group.Go(func() error {
			results, err := m.Run(patience(t), migrator.Down(1))
			reverted[i] = len(results)
			return err
		})
	}
	require.Eventually(t, func() bool { return len(seen.of(migrator.EventPlanned)) == 2 }, time.Minute, 10*time.Millisecond)
	_, err = other.Exec(t.Context(), "commit")
	require.NoError(t, err)
	require.NoError(t, group.Wait())
	require.Equal(t, 1, reverted[0]+reverted[1])
	require.Equal(t, []string{"-5"}, query(t, url, "select file::text from ledger where file < 0"))
}

func TestRedoRevertsAndAppliesAgain(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	m := open(t, url, ledgerFiles(3), migrator.Config{})
	_, err := m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	results, err := m.Run(patience(t), migrator.Redo(2))
	require.NoError(t, err)
	var moves []string
	for _, r := range results {
		moves = append(moves, fmt.Sprintf("%s %s", r.Direction, r.Version))
	}
	require.Equal(t, []string{"down 003_file.sql", "down 002_file.sql", "up 002_file.sql", "up 003_file.sql"}, moves)
	_, err = m.Run(patience(t), migrator.DownTo("1"))
	require.NoError(t, err)
	require.Equal(t, []string{"001_ledger.sql"}, query(t, url, "select version from schema_migrations"))
}
