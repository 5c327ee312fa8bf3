package servertest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
)

const threeStatements = `-- migrator: no-transaction
insert into ledger values (10);
create unique index concurrently ledger_unique on ledger (file);
insert into ledger values (11);
`

// doubled is a database where the second statement of threeStatements fails.
func doubled(t *testing.T) string {
	t.Helper()
	url := newDatabase(t)
	execute(t, url, "create table ledger (file int); insert into ledger values (1), (1)")
	return url
}

func TestAfterAFailedStatementTheNextRunGoesOnThere(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			url := doubled(t)
			m := open(t, url, files("001_three.sql", threeStatements), mode.config)
			for range 2 { // again, as long as nobody mends it
				results, err := m.Run(patience(t), migrator.Up())
				require.Empty(t, results)
				var failed *migrator.MigrationError
				require.ErrorAs(t, err, &failed)
				require.Equal(t, 3, failed.Line)
				require.Equal(t, "statement 1 is applied; the next run goes on at statement 2 of 3 (line 3)", failed.State)
				require.ErrorContains(t, err, "could not create unique index")
				require.Empty(t, query(t, url, "select indexrelid::regclass::text from pg_index where indrelid = 'ledger'::regclass"))
				require.Equal(t, []string{"1", "1", "10"}, query(t, url, "select file::text from ledger order by file"))
			}
			statuses, err := m.Status(patience(t))
			require.NoError(t, err)
			require.Equal(t, migrator.StateUnfinished, statuses[0].State)
			require.Equal(t, 1, statuses[0].Unfinished.Done)

			execute(t, url, "delete from ledger where file = 1")
			results, err := m.Run(patience(t), migrator.Up())
			require.NoError(t, err)
			require.Len(t, results, 1)
			require.Equal(t, []string{"history 001_three.sql", "ledger 10", "ledger 11", "ledger_unique"}, indexState(t, url))
		})
	}
}

func TestAStatementThatHasRunMustNotBeChanged(t *testing.T) {
	t.Parallel()
	url := doubled(t)
	_, err := open(t, url, files("001_three.sql", threeStatements), migrator.Config{}).Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, "statement 1 is applied")
	changed := strings.Replace(threeStatements, "values (10)", "values (12)", 1)
	_, err = open(t, url, files("001_three.sql", changed), migrator.Config{}).Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, "001_three.sql:2:1: was changed, but statement 1 is applied")
	require.Equal(t, []string{"1", "1", "10"}, query(t, url, "select file::text from ledger order by file"))

	mended := strings.Replace(threeStatements, "create unique index concurrently ledger_unique", "-- not unique, after all\ncreate index concurrently ledger_file", 1)
	_, err = open(t, url, files("001_three.sql", mended), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Equal(t, []string{"history 001_three.sql", "ledger 1", "ledger 1", "ledger 10", "ledger 11", "ledger_file"}, indexState(t, url))
}

func TestAHalfAppliedFileIsNotRevertedAndAHalfRevertedOneNotAppliedOver(t *testing.T) {
	t.Parallel()
	url := doubled(t)
	fsys := files("001_three.sql", threeStatements, "001_three.down.sql", "-- migrator: no-transaction\ndrop index concurrently ledger_unique;\nselect 1 / (select count(*) from ledger where file = 99);\n")
	m := open(t, url, fsys, migrator.Config{})
	_, err := m.Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, "statement 1 is applied")
	_, err = m.Run(patience(t), migrator.Down(1))
	var unfinished *migrator.UnfinishedError
	require.ErrorAs(t, err, &unfinished)
	require.Equal(t, migrator.Unfinished{Direction: migrator.DirectionUp, Done: 1}, unfinished.Unfinished)

	execute(t, url, "delete from ledger where file = 1")
	_, err = m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	_, err = m.Run(patience(t), migrator.Down(1))
	require.ErrorContains(t, err, "001_three.down.sql:3:1: division by zero")
	require.ErrorContains(t, err, "statement 1 is applied; the next run goes on at statement 2 of 2 (line 3)")
	_, err = m.Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, "001_three.sql is unfinished: of its down file")
	execute(t, url, "insert into ledger values (99)")
	_, err = m.Run(patience(t), migrator.Down(1))
	require.NoError(t, err)
	require.Empty(t, query(t, url, "select version from schema_migrations"))
}

func TestWhatTheServerFindsToBeImpossibleInATransactionRunsOutside(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	execute(t, url, "create schema app; create table app.parent (id int primary key) partition by range (id); create table app.child partition of app.parent for values from (0) to (10)")
	_, err := open(t, url, files(
		"001_procedure.sql", "create procedure app.fill() language plpgsql as $$begin for i in 1..3 loop insert into app.parent values (i); commit; end loop; end$$;\n",
		"002_call.sql", "-- migrator: no-transaction\nset search_path = app;\ncall fill();\nreindex table parent;\nvacuum parent;\n",
	), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Equal(t, []string{"3"}, query(t, url, "select count(*)::text from app.parent"))
}

func TestAStatementThatNobodyCanSettleIsLeftToAPerson(t *testing.T) {
	t.Parallel()
	for _, ran := range []bool{true, false} {
		t.Run(fmt.Sprint(ran), func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			execute(t, url, "create table ledger (file int); create procedure fill() language plpgsql as $$begin insert into ledger values (7); commit; end$$")
			fsys := files("001_call.sql", "-- migrator: no-transaction\ncall fill();\ninsert into ledger values (8);\n")
			proxy := pgproxy.Start(t, url)
			at := pgproxy.BeforeForward
			if ran {
				at = pgproxy.AfterAnswer
			}
			proxy.Cut(pgproxy.Cut{At: at, Kill: true, Match: func(m pgproxy.Message) bool { return m.SQL == "call fill()" }})
			_, err := open(t, proxy.URL(), fsys, migrator.Config{ReconnectFor: -1}).Run(patience(t), migrator.Up())
			require.Error(t, err)
			require.Equal(t, 1, proxy.Cuts())

			m := open(t, url, fsys, migrator.Config{})
			_, err = m.Run(patience(t), migrator.Up())
			require.ErrorIs(t, err, migrator.ErrInDoubt)
			require.ErrorContains(t, err, "001_call.sql:2:1")
			if ran {
				requireDecided(t, url, m, err)
			} else {
				typeHint(t, url, err, "if it has not: ", "; then")
				_, err = m.Run(patience(t), migrator.Up())
				require.NoError(t, err)
			}
			require.Equal(t, []string{"history 001_call.sql", "ledger 7", "ledger 8"}, indexState(t, url))
		})
	}
}

func between(t *testing.T, text, before, after string) string {
	t.Helper()
	_, text, found := strings.Cut(text, before)
	require.True(t, found, text)
	text, _, found = strings.Cut(text, after)
	require.True(t, found, text)
	return text
}
