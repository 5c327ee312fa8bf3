package servertest

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// repeatableFiles are a table and a repeatable file, which writes a row that a second time would double.
func repeatableFiles(row int) fstest.MapFS {
	fsys := ledgerFiles(1)
	fsys["R_row.sql"] = &fstest.MapFile{Data: fmt.Appendf(nil, "insert into ledger values (%d);\n", row)}
	return fsys
}

// repeatableState is state after a repeatable file has run with each of the rows.
func repeatableState(rows ...int) []string {
	state := []string{"history 001_ledger.sql", "history R_row.sql", "ledger 1"}
	for _, row := range rows {
		state = append(state, fmt.Sprintf("ledger %d", row))
	}
	return state
}

func TestARepeatableMigrationRunsAgainWhenItsFileHasChanged(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			for _, row := range []int{10, 10, 11, 10} {
				_, err := open(t, url, repeatableFiles(row), mode.config).Run(patience(t), migrator.Up())
				require.NoError(t, err)
			}
			require.Equal(t, repeatableState(10, 10, 11), state(t, url), "also when it is what it once was")
			require.Equal(t, checksumsOf(repeatableFiles(10)), checksums(t, url))

			_, err := open(t, url, repeatableFiles(10), mode.config).Run(patience(t), migrator.MarkPending("R_row"))
			require.NoError(t, err)
			results, err := open(t, url, repeatableFiles(10), mode.config).Run(patience(t), migrator.Up())
			require.NoError(t, err)
			require.Len(t, results, 1)
		})
	}
}

func TestARepeatableMigrationRunsAfterTheVersionedOnesInTheOrderOfNames(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	fsys := files("R_b.sql", "create view b as select * from a;", "R_a.sql", "create view a as select * from t;", "9_t.sql", "create table t (id int);")
	results, err := open(t, url, fsys, migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	var versions []migrator.Version
	for _, r := range results {
		versions = append(versions, r.Version)
	}
	require.Equal(t, []migrator.Version{"9_t.sql", "R_a.sql", "R_b.sql"}, versions)
}

func TestARepeatableMigrationThatFailsLeavesWhatWasThere(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	_, err := open(t, url, repeatableFiles(10), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	broken := repeatableFiles(0)
	broken["R_row.sql"] = files("x", "insert into ledger values (11);\nselect 1/0;\n")["x"]
	_, err = open(t, url, broken, migrator.Config{}).Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, "R_row.sql:2:1: division by zero")
	require.ErrorContains(t, err, "STATE: rolled back; what was applied of it before is still there")
	require.Equal(t, repeatableState(10), state(t, url))
	require.Equal(t, checksumsOf(repeatableFiles(10)), checksums(t, url))
}

func TestPromise4ARepeatableMigrationRunsOnceHoweverManyReplicasBringItsNewText(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			for row := 10; row < 15; row++ {
				var group errgroup.Group
				for range 8 {
					m := open(t, url, repeatableFiles(row), mode.config)
					group.Go(func() error {
						_, err := m.Run(patience(t), migrator.Up())
						return err
					})
				}
				require.NoError(t, group.Wait())
			}
			require.Equal(t, repeatableState(10, 11, 12, 13, 14), state(t, url))
		})
	}
}

func TestPromise1ARepeatableMigrationRunsOnceForRunnersThatDoNotSeeTheLock(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	_, err := open(t, url, repeatableFiles(10), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	other := connect(t, url)
	defer other.Close(t.Context())
	sum := checksumsOf(repeatableFiles(11))[1][len("R_row.sql "):]
	_, err = other.Exec(t.Context(), "begin; insert into ledger values (11); update schema_migrations set checksum = '"+sum+"' where version = 'R_row.sql'")
	require.NoError(t, err)
	ended := inBackground(t, open(t, url, repeatableFiles(11), migrator.Config{}))
	waitFor(t, url, "select (count(*) > 0)::text from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()")
	_, err = other.Exec(t.Context(), "commit")
	require.NoError(t, err)
	ran := <-ended
	require.NoError(t, ran.err)
	require.Empty(t, ran.results)
	require.Equal(t, repeatableState(10, 11), state(t, url))
}

func TestPromise9AnOldBinaryDoesNotPutItsOlderViewsBack(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	newer := repeatableFiles(11)
	newer["002_newer.sql"] = files("x", "select 1;")["x"]
	_, err := open(t, url, newer, migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	old := open(t, url, repeatableFiles(10), migrator.Config{})
	results, err := old.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Empty(t, results)
	statuses, err := old.Status(patience(t))
	require.NoError(t, err)
	require.Equal(t, migrator.StateNewer, statuses[2].State)
	require.NoError(t, old.Wait(patience(t), migrator.Current))
}

// TestWhatACascadeMayHaveTakenIsSaid: a view that a down has dropped counts as applied.
func TestWhatACascadeMayHaveTakenIsSaid(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	fsys := files("001_t.sql", "create table t (id int);", "001_t.down.sql", "drop table t cascade;", "R_v.sql", "create view v as select * from t;")
	var seen recorder
	m := open(t, url, fsys, migrator.Config{Observe: seen.observe})
	for _, target := range []migrator.Target{migrator.Up(), migrator.Down(1)} {
		require.Empty(t, seen.of(migrator.EventWarning))
		_, err := m.Run(patience(t), target)
		require.NoError(t, err)
	}
	warnings := seen.of(migrator.EventWarning)
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0].Message, "a CASCADE may drop what repeatable migrations have made (R_v.sql)")
	for _, target := range []migrator.Target{migrator.MarkPending("R_v"), migrator.Up()} {
		_, err := m.Run(patience(t), target)
		require.NoError(t, err)
	}
	require.Empty(t, query(t, url, "select * from v"))
}
