package sqlfile

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// describeUnits is a line for each unit: the settings it has, it, and whether it runs outside a transaction.
func describeUnits(file *File) (lines []string) {
	for _, u := range file.Separate {
		line := u.Span.Text(file.Text)
		for _, setting := range u.Settings {
			line += " | " + setting.Span.Text(file.Text)
		}
		if u.NonTx != nil {
			line += " | outside"
		}
		lines = append(lines, line)
	}
	return lines
}

func TestASettingIsNoStepAndHoldsForAllStepsAfterIt(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{
		"set search_path = app", "SET Session work_mem to '1GB'", "set role app_owner", "set session authorization app_owner", "set time zone 'UTC'",
		"reset all", "reset role", "reset session authorization",
		"select set_config('search_path', '', false)", "SELECT pg_catalog.set_config('search_path', '', false)", "select/**/pg_catalog . set_config ( 'a.b' , $$x$$ , false )",
	} {
		file := separate(t, "insert into a values (1)", setting, "vacuum a", "set my.own = 1", "insert into a values (2)")
		require.Equal(t, []string{
			"insert into a values (1)",
			"vacuum a | " + setting + " | outside",
			"insert into a values (2) | " + setting + " | set my.own = 1",
		}, describeUnits(file))
	}
}

func TestWhatOnlyLooksLikeASettingIsAStep(t *testing.T) {
	t.Parallel()
	for _, statement := range []string{
		"select set_config('a.b', 'c', true)", "select my.set_config('a.b', 'c', false)", "select set_config(1, 2)",
		`"set" search_path`, "sets", "update t set a = 1", "alter role app set work_mem = '1GB'", "select 'set role x'", "show all",
	} {
		require.Equal(t, []string{statement}, describeUnits(separate(t, statement)))
	}
}

func TestAFileOfSettingsAndCommentsHasNoSteps(t *testing.T) {
	t.Parallel()
	require.Empty(t, separate(t, "set search_path = app", "-- nothing to do any more\nreset all").Separate)
}

func TestAFileInATransactionIsNotDivided(t *testing.T) {
	t.Parallel()
	file, err := fileOf("1_a.sql", "select 1; select 2")
	require.NoError(t, err)
	require.Nil(t, file.Separate)
}

func TestWhatATransactionCannotHoldRunsOutsideOne(t *testing.T) {
	t.Parallel()
	for _, statement := range []string{
		"create index concurrently i on t (a)", "drop index concurrently i", "reindex (concurrently) table t", "vacuum t", "cluster", "create database d", "alter system set work_mem = '1GB'", "do $$begin commit; end$$",
	} {
		require.Equal(t, []string{statement + " | outside"}, describeUnits(separate(t, statement)))
	}
	for _, statement := range []string{"create index i on t (a)", "reindex table t", "call p()", "do $$begin perform 1; end$$", "refresh materialized view concurrently v"} {
		require.Equal(t, []string{statement}, describeUnits(separate(t, statement)))
	}
}

func TestCommentsAndWhiteSpaceMayChangeInAStatementThatHasRun(t *testing.T) {
	t.Parallel()
	hash := func(statement string) string { return separate(t, statement).Separate[0].Hash }
	was := hash("insert into t values (1, 'a  b')")
	require.Len(t, was, 16)
	for _, same := range []string{"insert  into\n\tt values(1,'a  b')", "-- why\ninsert into t /* what */ values (1, 'a  b') -- end\n", "insert into t values (1 , 'a  b' )"} {
		require.Equal(t, was, hash(same), same)
	}
	for _, other := range []string{
		"insert into t values (2, 'a  b')", "insert into t values (1, 'a b')", "insert into t values (1, 'a  b') returning 1", "insert into t values (1, 'a  b', 1)",
		"insert intot values (1, 'a  b')", `insert into "t" values (1, 'a  b')`,
	} {
		require.NotEqual(t, was, hash(other), other)
	}
}

func TestAStatementWithNoPlaceInANoTransactionFileIsRefusedWithAWayOut(t *testing.T) {
	t.Parallel()
	for message, statements := range map[string][]string{
		"BEGIN has no place here: each statement": {"begin", "BEGIN isolation level serializable"},
		"START has no place here":                 {"start transaction"},
		"COMMIT has no place here":                {"commit", "commit prepared 'x'"},
		"END has no place here":                   {"end"},
		"ABORT has no place here":                 {"abort"},
		"ROLLBACK has no place here":              {"rollback", "rollback to a", "rollback prepared 'x'"},
		"SAVEPOINT has no place here":             {"savepoint a"},
		"RELEASE has no place here":               {"release a"},
		"PREPARE TRANSACTION has no place here":   {"prepare transaction 'x'"},
		"SET LOCAL would end with itself":         {"set local lock_timeout = 0", "SET/**/Local role x"},
		"SET CONSTRAINTS would end with itself":   {"set constraints all deferred"},
		"SET TRANSACTION would end with itself": {
			"set transaction isolation level serializable", "set session transaction read only", "set transaction_isolation = 'serializable'", "set session transaction_read_only = on",
		},
		"the lock would be gone at once":                    {"lock t", "lock table t in share mode nowait"},
		"a prepared statement lives as long as the session": {"prepare p as select 1", "prepare p (int) as select $1"},
		"a cursor lives as long as the session":             {"declare c cursor with hold for select 1"},
		"what is temporary lives as long as the session": {
			"create temp table t (a int)", "CREATE TEMPORARY SEQUENCE s", "create or replace temp view v as select 1", "create local temp table t (a int)", "create global temporary table t (a int)",
			"select 1 as a into temp t", "with x as (select 1) select * into temporary table t from x", "select a into local temp t from b", "create table pg_temp.t (a int)",
			`create function "pg_temp".f() returns int language sql as 'select 1'`, "select pg_temp.f()",
		},
		"set_config is repeated for later statements only where": {
			"select set_config('a.b', 'c' || 'd', false)", "select set_config('a.b', 'c', false), f()", "select pg_catalog.set_config(name, setting, 'f') from t", "with x as (select set_config('a.b', g(1, 2), false)) table x",
		},
		"comes too late for the transactions of this file": {
			"set session characteristics as transaction isolation level serializable", "set default_transaction_isolation = 'repeatable read'", "set session default_transaction_read_only = on",
			"set session characteristics as transaction read only",
		},
		"the index has no name":                            {"create index concurrently on t (a)", "create unique index concurrently if not exists on t (a)"},
		"DISCARD would also drop the lock":                 {"discard all", "discard temp"},
		"changes the encoding in which the file is read":   {"set client_encoding = 'LATIN1'"},
		"COPY … FROM STDIN reads its rows from the client": {"copy t from stdin"},
	} {
		for _, statement := range statements {
			text := "-- migrator: no-transaction\nselect 'é';\n  " + statement + ";\nselect 2;\n"
			_, problems := Parse("1_a.sql", text, true)
			require.Len(t, problems, 1, statement)
			require.Equal(t, strings.Index(text, "  "+statement)+2, problems[0].Offset, statement)
			require.Contains(t, problems[0].Message, message, statement)
			require.NotEmpty(t, problems[0].Hint, statement)
		}
	}
}

func TestItsNeighbourHasAPlaceInANoTransactionFile(t *testing.T) {
	t.Parallel()
	for _, statement := range []string{
		`"begin"`, "begins", "deallocate p", "execute p", "create table temp (a int)", "create table temporary (a int)", `create "temp" table t (a int)`, "create unlogged table t (a int)",
		"do $$ begin lock t; end $$", "set locals.x = 1", `set "local" = 1`, "create index on t (a)", "set default_transaction_isolation = 'read committed'", "locks",
		"create or replace view temp as select 1", `create index concurrently "on" on t (a)`, "alter table t alter constraint c deferrable",
		"set session characteristics as transaction isolation level read committed", "set search_path = app, pg_temp", "insert into temp values (1)",
		"select 1 into temp from t", "drop table if exists pg_temp.t", "alter function f() set search_path = pg_catalog, pg_temp", "do $$ begin create temp table t (a int) on commit drop; end $$",
		"select set_config('a.b', 'c', true)", "select my.set_config('a.b', 'c' || 'd', false)", "set default_transaction_read_only = off", "select 1 into temporary_copy from t",
	} {
		separate(t, statement, "select 1")
	}
}
