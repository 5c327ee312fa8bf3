package servertest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
)

// What is told of files that are sent together, while the server works on them.

func TestEachFileIsReportedWhenItIsCommittedAndNotWhenAllAre(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"notice", "error"} { // of the role: what it hides is not what we say ourselves
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			execute(t, url, "alter database \""+database(t, url)+"\" set client_min_messages = "+level)
			fsys, letGo := holding(t, url)
			events := make(chan migrator.Event, 100)
			ended := inBackground(t, open(t, url, fsys, migrator.Config{LockTimeout: -1, Observe: func(e migrator.Event) { events <- e }}))
			var told []string
			for e := range events {
				if e.Kind == migrator.EventStarted || e.Kind == migrator.EventFinished {
					told = append(told, fmt.Sprintf("%s %s %d/%d", e.Kind, e.Version, e.Index, e.Total))
				}
				if e.Kind == migrator.EventBlocked {
					require.Equal(t, migrator.Version("003_file.sql"), e.Version)
					break
				}
			}
			require.Equal(t, []string{
				"started 001_ledger.sql 1/5", "finished 001_ledger.sql 1/5", "started 002_file.sql 2/5", "finished 002_file.sql 2/5", "started 003_file.sql 3/5",
			}, told)
			require.Equal(t, []string{"1", "2"}, query(t, url, "select file::text from ledger order by file"))
			require.Len(t, query(t, url, "select pid::text from pg_stat_activity where application_name like 'migrator % 003_file.sql' and datname = current_database()"), 1)
			letGo()
			end := <-ended
			require.NoError(t, end.err)
			require.Len(t, end.results, 5)
			require.Equal(t, ledgerState(5), state(t, url))
		})
	}
}

func TestANoticeOfTheServersReaderIsAboutTheFileThatItHasRead(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	long := "this_is_" + strings.Repeat("very_", 15) + "long"
	var seen recorder
	_, err := open(t, url, files(
		"001_a.sql", "create table a (id int)", "002_b.sql", "do $$ begin raise notice 'from b'; end $$",
		"003_c.sql", "create table c (id int constraint "+long+" check (id > 0))", "004_d.sql", "create global temporary table d (id int)",
	), migrator.Config{Observe: seen.observe}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	about := map[migrator.Version][]string{}
	for _, e := range seen.of(migrator.EventNotice) {
		about[e.Version] = append(about[e.Version], e.Message)
	}
	require.Len(t, about, 3, "%v", about)
	require.Equal(t, []string{"NOTICE: from b"}, about["002_b.sql"])
	require.Contains(t, about["003_c.sql"][0], "will be truncated")
	require.Contains(t, about["004_d.sql"][0], "GLOBAL is deprecated")
}

func TestARunThatIsGivenUpGoesOnWhereTheFirstOfSeveralFilesIsDone(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	fsys := ledgerFiles(4)
	_, err := open(t, url, ledgerFiles(1), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	fsys["002_file.sql"] = files("x", "do $$ begin raise notice 'it runs'; end $$;\ninsert into ledger values (2);\n")["x"]
	proxy := pgproxy.Start(t, url)
	proxy.Cut(pgproxy.Cut{Match: together, At: pgproxy.AtNotice})
	asked := func(context.Context, *pgx.ConnConfig) error {
		if proxy.Cuts() > 0 { // the server ends what it was sent, of which the run has heard nothing
			waitFor(t, url, "select (count(*) = 1)::text from schema_migrations where version = '002_file.sql'")
		}
		return nil
	}
	results, err := open(t, proxy.URL(), fsys, migrator.Config{ReconnectFor: -1, BeforeConnect: asked}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Len(t, results, 3)
	require.Equal(t, 1, proxy.Cuts())
	require.Equal(t, ledgerState(4), state(t, url))
}

// TestASlowFileIsSeenToRunAndEachIsToldHowLongItTook: those before it are reported while it runs, and nobody waits for a lock.
func TestASlowFileIsSeenToRunAndEachIsToldHowLongItTook(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	const name = "003_schläft.sql" // of which the server shows ASCII only
	fsys := ledgerFiles(2)
	fsys[name] = files("x", "insert into ledger values (3);\nselect pg_sleep(1);\n")["x"]
	fsys["004_file.sql"] = files("x", "insert into ledger values (4);\n")["x"]
	var told []string
	began := time.Now()
	var started, ended time.Time
	results, err := open(t, url, fsys, migrator.Config{Observe: func(e migrator.Event) {
		told = append(told, fmt.Sprintf("%s %s", e.Kind, e.Version))
		switch {
		case e.Kind == migrator.EventStarted && e.Version == name:
			started = time.Now()
		case e.Kind == migrator.EventFinished && e.Version == name:
			ended = time.Now()
		}
	}}).Run(patience(t), migrator.Up())
	took := time.Since(began)
	require.NoError(t, err)
	require.Equal(t, []string{
		"planned ", "started 001_ledger.sql", "finished 001_ledger.sql", "started 002_file.sql", "finished 002_file.sql",
		"started " + name, "finished " + name, "started 004_file.sql", "finished 004_file.sql", "done ",
	}, told)
	require.Greater(t, ended.Sub(started), 200*time.Millisecond, "it is told while it runs")
	require.GreaterOrEqual(t, results[2].Elapsed, time.Second)
	var sum time.Duration
	for _, r := range results {
		require.Positive(t, r.Elapsed)
		sum += r.Elapsed
	}
	require.LessOrEqual(t, sum, took)
}

// TestAnObserverThatPanicsLeavesNeitherALockNorAConnection: in the middle of an answer, for a program that survives it.
func TestAnObserverThatPanicsLeavesNeitherALockNorAConnection(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	fsys := ledgerFiles(3)
	fsys["002_file.sql"].Data = append(fsys["002_file.sql"].Data, "do $$ begin raise notice 'here'; end $$;\n"...)
	require.PanicsWithValue(t, "an observer's", func() {
		_, _ = open(t, url, fsys, migrator.Config{Observe: func(e migrator.Event) {
			if e.Kind == migrator.EventNotice {
				panic("an observer's")
			}
		}}).Run(patience(t), migrator.Up())
	})
	_, err := open(t, url, fsys, migrator.Config{WaitFor: 10 * time.Second}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Equal(t, ledgerState(3), state(t, url))
	waitFor(t, url, "select (count(*) = 0)::text from pg_stat_activity where application_name like 'migrator %' and datname = current_database()")
}
