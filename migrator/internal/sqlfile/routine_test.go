package sqlfile

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
		require.True(t, ReadRoutine("plpgsql", source).Ends, source)
	}
	for language, source := range map[string]string{"plpython3u": "plpy.commit()", "plperl": "spi_rollback();", "pltcl": "commit"} {
		require.True(t, ReadRoutine(language, source).Ends, source)
	}
}

func TestASourceThatOnlyMentionsACommitEndsNone(t *testing.T) {
	t.Parallel()
	for _, source := range []string{
		"begin -- commit;\nend", "begin raise notice 'commit;'; end", "begin select commit from t; end", "begin select a as commit; end", "begin new.commit := 1; end",
		"begin update t set commit = 1; end", `begin "commit"; end`, "begin execute 'commit'; end", "begin execute 'call p()'; end", "begin perform committed; rollbacks; end", "",
	} {
		require.False(t, ReadRoutine("plpgsql", source).Ends, source)
		require.Empty(t, ReadRoutine("plpgsql", source).Calls, source)
	}
	require.False(t, ReadRoutine("sql", "select commit").Ends)
	require.False(t, ReadRoutine("plpython3u", "plpy.execute('select 1')").Ends)
}

func TestACalleeIsNamedAsTheCatalogHasIt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Procedure{
		"call p()": {"", "p", 0}, "CALL App.Work(1)": {"app", "work", 1}, `call "App"."a ""b"""(1, 'x,y', (2))`: {"App", `a "b"`, 3},
		"call p(array[1, 2], f(3, 4))": {"", "p", 2}, "call db.app.p((1, 2))": {"app", "p", 1}, "call p(a => 1, b => 2)": {"", "p", 2},
	} {
		require.Equal(t, []Procedure{want}, endsTransactions([]string{"CALL"}, text).Calls, text)
	}
	require.Empty(t, endsTransactions([]string{"CALL"}, `call U&"p"()`).Calls, "it is tried in a transaction")
	require.Equal(t, []Procedure{{"", "a", 0}, {"app", "b", 1}}, ReadRoutine("plpgsql", "begin call a(); if x then call app.b(1); end if; end").Calls)
	require.Equal(t, []Procedure{{"", "a", 0}}, endsTransactions([]string{"DO"}, "do 'begin call a(); end'").Calls)
}
