package servertest

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// callFile calls work() without a transaction.
var callFile = files("001_call.sql", noTransaction+"call work();\n")

const noTransaction = "-- migrator: no-transaction\n"

// working is a database in which work() and whatever else is defined, with a ledger and a sequence.
func working(t *testing.T, definitions string) string {
	t.Helper()
	url := newDatabase(t)
	execute(t, url, "create table ledger (file int); create sequence s; "+definitions)
	return url
}

func TestAStatementThatFailsAfterItHasCommittedIsNotRunAgainUnasked(t *testing.T) {
	t.Parallel()
	const body = "$$begin insert into ledger values (1); commit; raise exception 'too bad'; end$$"
	for name, text := range map[string]string{
		"a procedure": "call work();\n", "a DO": "do " + body + ";\n", "a procedure in a DO": "do $x$begin call work(); end$x$;\n",
		"one that is not recognized": "do E'begin call work(); end';\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := working(t, "create procedure work() language plpgsql as "+body)
			m := open(t, url, files("001_call.sql", noTransaction+text+"insert into ledger values (2);\n"), migrator.Config{})
			_, err := m.Run(patience(t), migrator.Up())
			require.ErrorContains(t, err, "too bad")
			require.ErrorContains(t, err, "STATE: statement 1 of 2 (line 2) failed, and may have ended transactions of its own before: what it committed stays; the next run asks for a decision")
			for range 2 {
				_, err = m.Run(patience(t), migrator.Up())
				require.ErrorIs(t, err, migrator.ErrInDoubt)
			}
			require.Equal(t, []string{"1"}, query(t, url, "select file::text from ledger"))

			requireDecided(t, url, m, err)
			require.Equal(t, []string{"history 001_call.sql", "ledger 1", "ledger 2"}, indexState(t, url))
		})
	}
}

func TestAStatementThatFailsBeforeItsFirstCommitHasDoneNothing(t *testing.T) {
	t.Parallel()
	url := working(t, "create procedure work() language plpgsql as $$begin insert into ledger values (1); perform 1 / 0; commit; end$$")
	m := open(t, url, callFile, migrator.Config{})
	_, err := m.Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, "STATE: none of its statements is applied; the next run goes on at statement 1 of 1 (line 2)")
	execute(t, url, "create or replace procedure work() language plpgsql as $$begin insert into ledger values (1); commit; end$$")
	_, err = m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Equal(t, []string{"history 001_call.sql", "ledger 1"}, indexState(t, url))
}

// TestAStatementThatFailsAfterASettingIsNotDone: the settings of the file come back before it.
func TestAStatementThatFailsAfterASettingIsNotDone(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"a DO that commits": "do $$begin insert into ledger values (1 / 0); commit; end$$",
		"a database":        "create database template1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			m := open(t, url, files("001_a.sql", noTransaction+"create table ledger (file int);\nset work_mem = '2MB';\n"+statement+";\n"), migrator.Config{})
			for range 2 {
				_, err := m.Run(patience(t), migrator.Up())
				require.ErrorContains(t, err, "001_a.sql:4:")
				require.ErrorContains(t, err, "STATE: statement 1 is applied; the next run goes on at statement 2 of 2 (line 4)")
			}
		})
	}
}

func TestAProcedureThatIsCancelledAfterItHasCommittedAsksForADecision(t *testing.T) {
	t.Parallel()
	url := working(t, "create procedure work() language plpgsql as $$begin insert into ledger values (1); commit; perform pg_sleep(60); end$$")
	m := open(t, url, callFile, migrator.Config{})
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error)
	go func() {
		_, err := m.Run(ctx, migrator.Up())
		ended <- err
	}()
	waitFor(t, url, oneSleeps)
	cancel(errors.New("enough"))
	require.ErrorContains(t, <-ended, "what it committed stays")
	_, err := m.Run(patience(t), migrator.Up())
	require.ErrorIs(t, err, migrator.ErrInDoubt)
}

// TestAStatementThatCommitsIsBegunOnce counts by a sequence, which no rollback takes back.
func TestAStatementThatCommitsIsBegunOnce(t *testing.T) {
	t.Parallel()
	const body = "$$begin perform nextval('public.s'); commit; end$$"
	for name, c := range map[string]struct{ definitions, text string }{
		"a procedure":           {"create procedure work() language plpgsql as " + body, "call work();"},
		"a DO":                  {"", "do " + body + ";"},
		"in the search_path":    {"create schema app; create procedure app.work() language plpgsql as " + body, "set search_path = app;\ncall work();"},
		"with a quoted name":    {`create schema "App"; create procedure "App"."it's"() language plpgsql as ` + body, `call "App"."it's"();`},
		"one of several":        {"create procedure work(a int) language sql as ''; create procedure work(b text, c int default 1) language plpgsql as " + body, "call work('x', 2);"},
		"by another procedure":  {"create procedure inner_one() language plpgsql as " + body + "; create procedure work() language plpgsql as 'begin perform nextval(''s''); call inner_one(); end'; alter sequence s increment -1 minvalue -9 start 2 restart 2", "call work();"},
		"made by the same file": {"", "create procedure work() language plpgsql as " + body + ";\ncall work();"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := working(t, c.definitions)
			_, err := open(t, url, files("001_call.sql", noTransaction+c.text+"\n"), migrator.Config{}).Run(patience(t), migrator.Up())
			require.NoError(t, err)
			require.Equal(t, []string{"1"}, query(t, url, "select last_value::text from s"))
		})
	}
}

// TestAStatementThatCannotCommitIsBegunOnce: what runs by EXECUTE cannot, in a transaction or not.
func TestAStatementThatCannotCommitIsBegunOnce(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"do $$begin execute 'call work()'; end$$;", "do $$declare sql text := 'call work()'; begin execute sql; end$$;"} {
		url := working(t, "create procedure work() language plpgsql as $$begin perform nextval('s'); commit; end$$")
		_, err := open(t, url, files("001_call.sql", noTransaction+text+"\n"), migrator.Config{}).Run(patience(t), migrator.Up())
		require.ErrorContains(t, err, "invalid transaction termination")
		require.ErrorContains(t, err, "STATE: none of its statements is applied")
		require.Equal(t, []string{"1 true"}, query(t, url, "select last_value || ' ' || is_called from s"))
	}
}

// TestAStatementThatDoesNotCommitRunsInATransaction has it look at its own record, which only then shows that it has run.
func TestAStatementThatDoesNotCommitRunsInATransaction(t *testing.T) {
	t.Parallel()
	const body = "begin -- commit;\nraise notice 'rollback;'; insert into public.ledger select done from public.schema_migrations_progress where started is null; end"
	const commits = "language plpgsql as 'begin commit; end'"
	for name, c := range map[string]struct{ definitions, text string }{
		"a procedure":          {"create procedure work() language plpgsql as $$" + body + "$$", "call work();"},
		"a DO":                 {"", "do $$" + body + "$$;"},
		"in another schema":    {"create schema app; create procedure app.work() " + commits + "; create procedure work() language plpgsql as $$" + body + "$$", "call work();"},
		"of another schema":    {"create schema app; create procedure work() " + commits + "; create procedure app.work() language plpgsql as $$" + body + "$$", "call app.work();"},
		"with fewer arguments": {"create procedure work(a int) " + commits + "; create procedure work() language plpgsql as $$" + body + "$$", "call work();"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := working(t, c.definitions)
			_, err := open(t, url, files("001_call.sql", noTransaction+c.text+"\n"), migrator.Config{}).Run(patience(t), migrator.Up())
			require.NoError(t, err)
			require.Equal(t, []string{"1"}, query(t, url, "select file::text from ledger"))
		})
	}
}
