package servertest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
)

// typeHint executes what an error has between two texts.
func typeHint(t *testing.T, url string, err error, before, after string) {
	t.Helper()
	execute(t, url, between(t, err.Error(), before, after))
}

// requireDecided decides as the error's hint says that a CALL or DO has run. The next run stops, since nobody knows what that has
// set; the one after it, as its hint says, finishes the file.
func requireDecided(t *testing.T, url string, m *migrator.Migrator, inDoubt error) {
	t.Helper()
	typeHint(t, url, inDoubt, "if it has: ", "; if it")
	_, err := m.Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, "it is not known what it has set for its session")
	typeHint(t, url, err, "then: ", "; and run again")
	_, err = m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
}

func TestAfterADecisionThatAProcedureHasRunTheNextStatementWaitsForWhatItHasSet(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ statement, fails string }{
		"a procedure that fails":    {"call switch_and()", "raise exception 'too bad'"},
		"a DO that fails":           {"do $$begin perform set_config('search_path', 'app', false); commit; raise exception 'too bad'; end$$", "null"},
		"a session that is killed":  {"call switch_and()", "perform pg_terminate_backend(pg_backend_pid())"},
		"an older version began it": {"call switch_and()", "raise exception 'too bad'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := twoSchemas(t)
			execute(t, url, "create procedure switch_and() language plpgsql as $$begin perform set_config('search_path', 'app', false); commit; "+c.fails+"; end$$")
			first := noTransaction + c.statement + ";\n"
			m := open(t, url, files("001_t.sql", first+"delete from t;\n"), migrator.Config{ReconnectFor: -1})
			_, err := m.Run(patience(t), migrator.Up())
			require.Error(t, err)
			if name == "an older version began it" {
				execute(t, url, "alter table schema_migrations_progress drop column session")
			}
			_, err = m.Run(patience(t), migrator.Up())
			require.ErrorIs(t, err, migrator.ErrInDoubt)
			typeHint(t, url, err, "if it has: ", "; if it")
			_, err = m.Run(patience(t), migrator.Up())
			require.ErrorContains(t, err, "001_t.sql:3:1: statement 1 (line 2) was cut off or has failed, and it is not known what it has set for its session")
			require.Equal(t, []string{"1 1"}, query(t, url, "select (select count(*) from public.t) || ' ' || (select count(*) from app.t)"))

			typeHint(t, url, err, "then: ", "; and run again")
			_, err = open(t, url, files("001_t.sql", first+"set search_path = app;\ndelete from t;\n"), migrator.Config{}).Run(patience(t), migrator.Up())
			require.NoError(t, err)
			require.Equal(t, []string{"1 0"}, query(t, url, "select (select count(*) from public.t) || ' ' || (select count(*) from app.t)"))
		})
	}
}

// TestWhatCannotSetAnythingIsDecidedOnce cuts the run off before its statement reaches the server.
func TestWhatCannotSetAnythingIsDecidedOnce(t *testing.T) {
	t.Parallel()
	url := twoSchemas(t)
	name := "decided_" + database(t, url)
	fsys := files("001_t.sql", noTransaction+"create database "+name+";\ndelete from public.t;\n")
	proxy := pgproxy.Start(t, url)
	proxy.Cut(pgproxy.Cut{At: pgproxy.BeforeForward, Kill: true, Match: func(m pgproxy.Message) bool { return m.SQL == "create database "+name }})
	_, err := open(t, proxy.URL(), fsys, migrator.Config{ReconnectFor: -1}).Run(patience(t), migrator.Up())
	require.Error(t, err)
	m := open(t, url, fsys, migrator.Config{})
	_, err = m.Run(patience(t), migrator.Up())
	require.ErrorIs(t, err, migrator.ErrInDoubt)
	typeHint(t, url, err, "if it has: ", "; if it")
	_, err = m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
}

func TestAProcedureThatHasFailedIsNotSaidToBeCutOff(t *testing.T) {
	t.Parallel()
	url := working(t, "create procedure work() language plpgsql as $$begin commit; raise exception 'too bad'; end$$")
	for i, c := range []struct{ text, want string }{
		{"call work();\n", "statement 1 was begun and its end is not recorded"},
		{"select 1;\ncall work();\n", "statement 1 is applied, statement 2 was begun and its end is not recorded"},
	} {
		name := "001_call.sql"
		m := open(t, url, files(name, noTransaction+c.text), migrator.Config{Table: []string{"one", "two"}[i]})
		_, err := m.Run(patience(t), migrator.Up())
		require.ErrorContains(t, err, "too bad")
		plan, err := m.Plan(t.Context(), migrator.Up())
		require.NoError(t, err)
		require.Contains(t, plan.Warnings, name+": "+c.want+"; the run asks for a decision")
		statuses, err := m.Status(t.Context())
		require.NoError(t, err)
		require.Equal(t, c.want, statuses[0].Unfinished.String())
	}
}
