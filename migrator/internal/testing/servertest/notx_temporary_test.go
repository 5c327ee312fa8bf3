package servertest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

func TestATemporaryTableStopsTheFileInAnotherSession(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ made, gone string }{
		"a table":    {"create temp table t (i int)", "pg_temp.t"},
		"a function": {"create function pg_temp.f() returns int language sql as 'select 1'", "pg_temp.f"},
		"several":    {"create temp table t (i int); create temp table \"o'clock, %\" (i int)", "pg_temp.t, pg_temp.o'clock, %"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := twoSchemas(t)
			execute(t, url, "create function empty_it() returns int language plpgsql as $$begin delete from t; return 1; end$$")
			first := noTransaction + "do $$begin " + c.made + "; end$$;\nselect count(*) from app.t;\nselect count(*) from app.gate;\n"
			m := open(t, url, files("001_%.sql", first+"select empty_it();\n"), migrator.Config{})
			_, err := m.Run(patience(t), migrator.Up())
			require.ErrorContains(t, err, "001_%.sql:4:22: relation \"app.gate\" does not exist")
			execute(t, url, "create table app.gate (i int)")

			_, err = m.Run(patience(t), migrator.Up())
			require.ErrorContains(t, err, "001_%.sql:4:1: an earlier statement has left in its session what this statement would not have: "+c.gone+" (SQLSTATE")
			require.Equal(t, []string{"1"}, query(t, url, "select count(*)::text from public.t"))
			typeHint(t, url, err, "then: ", "; and run again")
			_, err = m.Run(patience(t), migrator.Up())
			require.NoError(t, err)
		})
	}
}

func TestAnIndexIsBuiltInAnotherSessionThanATemporaryTable(t *testing.T) {
	t.Parallel()
	url := twoSchemas(t)
	first := noTransaction + "do $$begin create temp table scratch (i int); end$$;\n"
	m := open(t, url, files("001_t.sql", first+"create unique index concurrently i on t (a);\n"), migrator.Config{})
	execute(t, url, "insert into t values (1)")
	_, err := m.Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, "could not create unique index")
	execute(t, url, "truncate t")
	_, err = m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
}

func TestAStatementThatNamesTheSchemaOfATableDoesNotUseATemporaryOne(t *testing.T) {
	t.Parallel()
	url := twoSchemas(t)
	_, err := open(t, url, files("001_t.sql", noTransaction+"do $$begin create temp table t (a int); end$$;\ndelete from public.t;\ndelete from \"app\".\"t\";\n"), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Equal(t, []string{"0 0"}, query(t, url, "select (select count(*) from public.t) || ' ' || (select count(*) from app.t)"))
}

func TestAStatementThatIsStoppedOutsideATransactionIsToldWithItsPlace(t *testing.T) {
	t.Parallel()
	for _, next := range []string{"create index concurrently i on t (a)", "do $$begin delete from t; commit; end$$", "vacuum t"} {
		t.Run(next, func(t *testing.T) {
			t.Parallel()
			url := twoSchemas(t)
			_, err := open(t, url, files("001_t.sql", noTransaction+"do $$begin create temp table t (a int); end$$;\n\n  "+next+";\n"), migrator.Config{}).Run(patience(t), migrator.Up())
			require.ErrorContains(t, err, "001_t.sql:4:3: an earlier statement has left in its session what this statement would not have: pg_temp.t")
		})
	}
}
