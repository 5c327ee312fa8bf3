package servertest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
)

// TestRepairTakesAHalfRevertedFileToItsNewNameWithWhatHasRun: begun anew, its first statement would run twice.
func TestRepairTakesAHalfRevertedFileToItsNewNameWithWhatHasRun(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	const down = "-- migrator: no-transaction\ninsert into ledger values (-1);\n"
	m := open(t, url, files("001_was.sql", "create table ledger (file int);\n", "001_was.down.sql", down+"select nope;\n"), migrator.Config{})
	_, err := m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	_, err = m.Run(patience(t), migrator.Down(1))
	require.ErrorContains(t, err, "statement 1 is applied")

	m = open(t, url, files("001_is.sql", "create table ledger (file int);\n", "001_is.down.sql", down+"select 1;\n"), migrator.Config{})
	results, err := m.Run(patience(t), migrator.Repair())
	require.NoError(t, err)
	require.Len(t, results, 1)
	require.Equal(t, "001_was.sql, renamed to 001_is.sql", results[0].Change.String())
	statuses, err := m.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, migrator.StateUnfinished, statuses[0].State)
	_, err = m.Run(patience(t), migrator.Down(1))
	require.NoError(t, err)
	require.Equal(t, []string{"-1"}, query(t, url, "select file::text from ledger"))
}

// TestAnIndexThatSomebodyElseHasLeftInvalidStays: what is cleared away is what the file's statement has made.
func TestAnIndexThatSomebodyElseHasLeftInvalidStays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ statement, done string }{
		"create":  {"create index concurrently ours on ledger (file)", "ours"},
		"reindex": {"reindex table concurrently ledger", "before"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			execute(t, url, "create table ledger (file int); insert into ledger values (1), (1); create index before on ledger (file)")
			fsys := files("001_index.sql", "-- migrator: no-transaction\n"+c.statement+";\n")
			proxy := pgproxy.Start(t, url)
			proxy.Cut(pgproxy.Cut{At: pgproxy.BeforeForward, Kill: true, Match: func(m pgproxy.Message) bool { return m.SQL == c.statement }})
			_, err := open(t, proxy.URL(), fsys, migrator.Config{ReconnectFor: -1}).Run(patience(t), migrator.Up())
			require.Error(t, err)
			require.Equal(t, 1, proxy.Cuts())

			theirs := connect(t, url)
			defer theirs.Close(context.Background())
			_, err = theirs.Exec(t.Context(), "create unique index concurrently theirs on ledger (file)")
			require.ErrorContains(t, err, "could not create unique index")
			var seen recorder
			m := open(t, url, fsys, migrator.Config{Observe: seen.observe})
			plan, err := m.Plan(t.Context(), migrator.Up())
			require.NoError(t, err)
			require.Len(t, plan.Warnings, 1)
			require.Contains(t, plan.Warnings[0], "001_index.sql: statement 1 was begun and its end is not recorded; only a run finds out what became of it")
			_, err = m.Run(patience(t), migrator.Up())
			require.NoError(t, err)
			require.NotContains(t, seen.of(migrator.EventWarning), "theirs")
			require.Subset(t, indexState(t, url), []string{"history 001_index.sql", c.done, "theirs invalid"})
		})
	}
}

func TestAnIndexThatIfNotExistsHasSkippedForAnotherOneOfItsNameIsToldWithItsPlace(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	execute(t, url, "create table ledger (file int); create table other (file int); create index taken on other (file)")
	for _, name := range []string{"taken", "other"} {
		_, err := open(t, url, files("001_index.sql", "-- migrator: no-transaction\n\n  create index concurrently if not exists "+name+" on ledger (file);\n"), migrator.Config{}).Run(patience(t), migrator.Up())
		require.ErrorContains(t, err, "001_index.sql:3:3: something else is named "+name+" already, so IF NOT EXISTS has skipped the index (SQLSTATE MG005)")
		require.NotContains(t, err.Error(), "CONTEXT")
	}
}
