package servertest

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// twoSchemas is a database with a table t in two schemas, and functions that set something for the session.
func twoSchemas(t *testing.T) string {
	t.Helper()
	url := newDatabase(t)
	execute(t, url, `create schema app; create table app.t (a int); create table t (a int); insert into t values (1); insert into app.t values (1);
		create function switch() returns int language plpgsql as $$begin perform set_config('search_path', 'app', false); return 1; end$$;
		create procedure switching() language plpgsql as $$begin perform set_config('search_path', 'app', false); commit; end$$`)
	return url
}

func TestWhatAStatementLeavesInItsSessionStopsTheNextOne(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ statement, left, hint string }{
		"a DO":                    {"do $$begin perform set_config('search_path', 'app', false); end$$", "search_path", "SET search_path = app"},
		"SET in a DO":             {"do $$begin set search_path = app, public; end$$", "search_path", "SET search_path = app, public"},
		"a function":              {"select switch()", "search_path", "SET search_path = app"},
		"a function of an insert": {"insert into t select switch()", "search_path", "SET search_path = app"},
		"a procedure":             {"call switching()", "search_path", "SET search_path = app"},
		"a DO that commits":       {"do $$begin perform switch(); commit; end$$", "search_path", "SET search_path = app"},
		"a role":                  {"do $$begin set role pg_monitor; end$$", "role", "SET ROLE pg_monitor"},
		"a user":                  {"do $$begin set session authorization pg_monitor; end$$", "session_authorization", "SET SESSION AUTHORIZATION pg_monitor"},
		"a custom setting":        {"do $$begin perform set_config('app.user', 'o''neil', false); end$$", "app.user", "SET app.\"user\" = 'o''neil'"},
		"three parts":             {"do $$begin perform set_config(E'app.tenant.id', '7', false); end$$", "app.tenant.id", "SET app.tenant.id = '7'"},
		"a quoted custom setting": {"do $$begin set session \"app\" . \"v\" to '7'; end$$", "app.v", "SET app.v = '7'"},
		"one of our own":          {"do $$begin set statement_timeout = '5min'; end$$", "statement_timeout", "SET statement_timeout = '300000'"},
		"a name in capitals":      {"do $$begin set timezone = 'Asia/Tokyo'; end$$", "TimeZone", "SET timezone = 'Asia/Tokyo'"},
		"a RESET":                 {"do $$begin reset work_mem; end$$", "work_mem", "RESET work_mem"},
		"a list of names":         {"do $$begin set temp_tablespaces = pg_default, pg_default; end$$", "temp_tablespaces", "SET temp_tablespaces = pg_default, pg_default"},
		"read only":               {"do $$begin set default_transaction_read_only = on; end$$", "default_transaction_read_only", "RESET default_transaction_read_only"},
		"how quotes are read":     {"do $$begin set standard_conforming_strings = off; end$$", "standard_conforming_strings", "SET standard_conforming_strings = on"},
		"the encoding":            {"do $$begin set client_encoding = latin1; end$$", "client_encoding", "SET client_encoding = 'UTF8'"},
		"a strict isolation":      {"do $$begin set default_transaction_isolation = serializable; end$$", "default_transaction_isolation", "RESET default_transaction_isolation"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := twoSchemas(t)
			first := noTransaction + "set work_mem = '7MB';\n" + c.statement + ";\n"
			_, err := open(t, url, files("001_t.sql", first+"delete from t;\n"), migrator.Config{}).Run(patience(t), migrator.Up())
			require.ErrorContains(t, err, "001_t.sql:4:1: statement 1 (line 3) has left in its session what this statement would not have: "+c.left)
			require.ErrorContains(t, err, "HINT: insert after that statement: "+c.hint+"\n")
			require.ErrorContains(t, err, "STATE: statement 1 is applied; the next run goes on at statement 2 of 2 (line 4)")

			_, err = open(t, url, files("001_t.sql", first+c.hint+";\ncreate table public.seen as select current_user::text as who, current_setting('search_path') as path;\nreset role; reset session authorization;\n"), migrator.Config{}).Run(patience(t), migrator.Up())
			if c.left != "role" && c.left != "session_authorization" { // which may not create there
				require.NoError(t, err)
			}
		})
	}
}

func TestAFileMayHaveManySettings(t *testing.T) {
	t.Parallel()
	url := twoSchemas(t)
	text := noTransaction + "set search_path = app, public;\n"
	for i := range 60 {
		text += fmt.Sprintf("set app.x%d = 'v';\n", i)
	}
	_, err := open(t, url, files("001_t.sql", text+"delete from t;\ndelete from t;\n"), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Equal(t, []string{"1 0"}, query(t, url, "select (select count(*) from public.t) || ' ' || (select count(*) from app.t)"))
}

func TestWhatEndsWithItsStatementStopsNothing(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"SET LOCAL":                 "do $$begin set local search_path = app; perform set_config('work_mem', '9MB', true); set local role pg_monitor; end$$",
		"one of our own":            "do $$begin set local lock_timeout = 0; set local statement_timeout = '5min'; set local application_name = 'x'; end$$",
		"what it was":               "do $$begin perform set_config('search_path', 'app', false); perform set_config('search_path', current_setting('custom.path'), false); end$$",
		"what a function has":       "create function paths() returns text language sql set search_path = app as $$ select current_setting('search_path') $$;\nselect paths()",
		"a table ON COMMIT DROP":    "do $$begin create temp table gone on commit drop as select 1; end$$;\nselect 'gone'",
		"a table that is dropped":   "do $$begin create temp table gone (a int); drop table gone; end$$;\nselect 'gone'",
		"a table that nobody names": "do $$begin create temp table scratch (a int); end$$",
		"a local custom setting":    "do $$begin perform set_config('app.x', '1', true); end$$",
		"a commit after SET LOCAL":  "do $$begin set local search_path = app; commit; end$$",
		"RESET ALL":                 "do $$begin reset all; end$$",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := twoSchemas(t)
			text := noTransaction + "set custom.path = 'app, public';\nset search_path = app, public;\n" + statement + ";\ndelete from t;\n"
			if name == "RESET ALL" {
				text = noTransaction + statement + ";\ndelete from app.t;\n"
			}
			_, err := open(t, url, files("001_t.sql", text), migrator.Config{}).Run(patience(t), migrator.Up())
			require.NoError(t, err)
			require.Equal(t, []string{"1 0"}, query(t, url, "select (select count(*) from public.t) || ' ' || (select count(*) from app.t)"))
		})
	}
}

func TestATemporaryTableThatOutlivesItsStatementStopsTheOneThatNamesIt(t *testing.T) {
	t.Parallel()
	url := twoSchemas(t)
	first := noTransaction + "do $$begin create temp table t as select 1 as a; end$$;\nselect 'tt', 'a.tx';\n"
	_, err := open(t, url, files("001_t.sql", first+"delete from T;\n"), migrator.Config{}).Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, "001_t.sql:4:1: an earlier statement has left in its session what this statement would not have: pg_temp.t (SQLSTATE")
	require.ErrorContains(t, err, "HINT: write the rest of the file without it, then: update ")
	typeHint(t, url, err, "then: ", "; and run again")
	_, err = open(t, url, files("001_t.sql", first+"delete from app.t;\n"), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
}

func TestARoleThatWasResetIsNotSetAgain(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	role := "gone_" + database(t, url)
	execute(t, url, "grant create on schema public to public")
	_, err := open(t, url, files("001_role.sql", noTransaction+"create role "+role+";\nset role "+role+";\ncreate table theirs (a int);\nreset role;\n"+
		"drop owned by "+role+";\ndrop role "+role+";\ncreate table ours (a int);\n"), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
}

// TestWhatIsNotKnownToOutliveItsStatementStopsTheNextOne has the server lose the session between a statement's commit and the look
// at what is left of it.
func TestWhatIsNotKnownToOutliveItsStatementStopsTheNextOne(t *testing.T) {
	t.Parallel()
	for name, local := range map[string]string{"what outlives it": "false", "what does not": "true"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := twoSchemas(t)
			execute(t, url, progressByHand(t)+`;
				create function cut() returns trigger language plpgsql as $$begin perform pg_terminate_backend(pg_backend_pid()); return new; end$$;
				create trigger cut before update on schema_migrations_progress for each row when (jsonb_exists(old.session, '') and new.done = old.done and old.started is null and new.started is null) execute function cut()`)
			first := noTransaction + "do $$begin perform set_config('search_path', 'app', " + local + "); end$$;\n"
			_, err := open(t, url, files("001_t.sql", first+"delete from t;\n"), migrator.Config{}).Run(patience(t), migrator.Up())
			require.ErrorContains(t, err, "001_t.sql:3:1: statement 1 (line 2) has left in its session what this statement would not have: search_path")
			require.ErrorContains(t, err, "HINT: insert after that statement: SET search_path = app (or RESET, where it was meant for that statement alone: the run was cut off before it was known)")

			execute(t, url, "drop trigger cut on schema_migrations_progress")
			set, want := "set search_path = app", "1 0"
			if local == "true" {
				set, want = "reset search_path", "0 1"
			}
			_, err = open(t, url, files("001_t.sql", first+set+";\ndelete from t;\n"), migrator.Config{}).Run(patience(t), migrator.Up())
			require.NoError(t, err)
			require.Equal(t, []string{want}, query(t, url, "select (select count(*) from public.t) || ' ' || (select count(*) from app.t)"))
		})
	}
}

// progressByHand is the statement that the README has for who makes the table.
func progressByHand(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../history/progress.sql")
	require.NoError(t, err)
	return string(text)
}

// TestAFileThatAnOlderVersionHasBegunIsFinished makes the table as that did.
func TestAFileThatAnOlderVersionHasBegunIsFinished(t *testing.T) {
	t.Parallel()
	for name, left := range map[string]string{"it left off in the middle": "1/0", "it left an empty table": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := twoSchemas(t)
			const text = noTransaction + "insert into t values (2);\n"
			if left == "" {
				_, err := open(t, url, files(), migrator.Config{}).Run(patience(t), migrator.Up())
				require.NoError(t, err)
				execute(t, url, progressByHand(t))
			} else {
				_, err := open(t, url, files("001_t.sql", text+"select "+left+";\n"), migrator.Config{}).Run(patience(t), migrator.Up())
				require.ErrorContains(t, err, "division by zero")
			}
			execute(t, url, "alter table schema_migrations_progress drop column session; comment on table schema_migrations_progress is null")
			_, err := open(t, url, files("001_t.sql", text+"do $$begin perform switch(); end$$;\nset search_path = app;\ndelete from t;\n"), migrator.Config{}).Run(patience(t), migrator.Up())
			require.NoError(t, err)
			require.Equal(t, []string{"2 0"}, query(t, url, "select (select count(*) from public.t) || ' ' || (select count(*) from app.t)"))
			require.Equal(t, []string{"true"}, query(t, url, "select (to_regclass('schema_migrations_progress') is null)::text"))
		})
	}
}

func TestAProgressTableThatWasMadeByHandStays(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	execute(t, url, progressByHand(t))
	m := open(t, url, indexFiles(), migrator.Config{})
	_, err := m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Equal(t, []string{"0"}, query(t, url, "select count(*)::text from schema_migrations_progress"))
	results, err := m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Empty(t, results)
}

// TestADeferredTriggerRunsUnderTheSettingsOfItsStatement as it does in psql.
func TestADeferredTriggerRunsUnderTheSettingsOfItsStatement(t *testing.T) {
	t.Parallel()
	url := twoSchemas(t)
	execute(t, url, `create table watched (a int);
		create function note() returns trigger language plpgsql as $$begin delete from t; return null; end$$;
		create constraint trigger note after insert on watched deferrable initially deferred for each row execute function note()`)
	_, err := open(t, url, files("001_t.sql", noTransaction+"set search_path = app, public;\ninsert into watched values (1);\n"), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Equal(t, []string{"1 0"}, query(t, url, "select (select count(*) from public.t) || ' ' || (select count(*) from app.t)"))
}
