package migrator

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASourceThatEndsTransactionsIsRecognized(t *testing.T) {
	t.Parallel()
	for _, source := range []string{
		"begin commit; end", "BEGIN insert into t values (1); Commit; END;", "begin if a then rollback; end if; end", "begin loop commit and chain; end loop; end",
		"begin case a when 1 then null; else commit; end case; end", "begin <<here>> commit; end", "begin /* why */ commit -- so\n; end",
		"begin do $x$begin commit; end$x$; end", "begin do language plpgsql 'begin commit; end'; end", "begin do 'begin commit; end' language plpgsql; end",
	} {
		require.True(t, readRoutine("plpgsql", source).ends, source)
	}
	for language, source := range map[string]string{"plpython3u": "plpy.commit()", "plperl": "spi_rollback();", "pltcl": "commit"} {
		require.True(t, readRoutine(language, source).ends, source)
	}
}

func TestASourceThatOnlyMentionsACommitEndsNone(t *testing.T) {
	t.Parallel()
	for _, source := range []string{
		"begin -- commit;\nend", "begin raise notice 'commit;'; end", "begin select commit from t; end", "begin select a as commit; end", "begin new.commit := 1; end",
		"begin update t set commit = 1; end", `begin "commit"; end`, "begin execute 'commit'; end", "begin execute 'call p()'; end", "begin perform committed; rollbacks; end", "",
	} {
		require.False(t, readRoutine("plpgsql", source).ends, source)
		require.Empty(t, readRoutine("plpgsql", source).calls, source)
	}
	require.False(t, readRoutine("sql", "select commit").ends)
	require.False(t, readRoutine("plpython3u", "plpy.execute('select 1')").ends)
}

func TestACalleeIsNamedAsTheCatalogHasIt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]callee{
		"call p()": {"", "p", 0}, "CALL App.Work(1)": {"app", "work", 1}, `call "App"."a ""b"""(1, 'x,y', (2))`: {"App", `a "b"`, 3},
		"call p(array[1, 2], f(3, 4))": {"", "p", 2}, "call db.app.p((1, 2))": {"app", "p", 1}, "call p(a => 1, b => 2)": {"", "p", 2},
	} {
		require.Equal(t, []callee{want}, endsItself([]string{"CALL"}, text).calls, text)
	}
	require.Empty(t, endsItself([]string{"CALL"}, `call U&"p"()`).calls, "it is tried in a transaction")
	require.Equal(t, []callee{{"", "a", 0}, {"app", "b", 1}}, readRoutine("plpgsql", "begin call a(); if x then call app.b(1); end if; end").calls)
	require.Equal(t, []callee{{"", "a", 0}}, endsItself([]string{"DO"}, "do 'begin call a(); end'").calls)
}
