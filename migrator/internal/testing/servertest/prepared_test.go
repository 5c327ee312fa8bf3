package servertest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
)

// What files that are sent together share: prepared statements.

// TestWhatIsPreparedIsPreparedOnceAndInAShortMessage: the server copies that message each time.
func TestWhatIsPreparedIsPreparedOnceAndInAShortMessage(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	proxy := pgproxy.Start(t, url)
	m := open(t, proxy.URL(), ledgerFiles(300), migrator.Config{})
	for _, c := range []struct {
		target   migrator.Target
		prepared []string
	}{
		{migrator.Up(), []string{"set", "claim", "rest", "seal"}},
		{migrator.Redo(290), []string{"set", "rest", "unseal", "claim", "seal"}}, // down, and then up
		{migrator.Down(1), nil},
	} {
		proxy.Reset()
		_, err := m.Run(patience(t), c.target)
		require.NoError(t, err)
		var prepared []string
		for _, message := range proxy.Messages() {
			for line := range strings.Lines(message.SQL) {
				if name, found := strings.CutPrefix(line, "prepare migrator_"); found {
					name, _, _ = strings.Cut(name, " ")
					prepared = append(prepared, name)
					if name == "set" || name == "rest" {
						require.Less(t, message.Length, 16_000, "%s: %s", c.target, name)
					}
				}
			}
		}
		require.Equal(t, c.prepared, prepared, "%s", c.target)
	}
	require.Equal(t, []string{"299"}, query(t, url, "select count(*)::text from schema_migrations"))
}

// TestASealThatIsGoneIsReplacedByTheFilesOwn: files that are sent together share a prepared one, which a function may deallocate.
func TestASealThatIsGoneIsReplacedByTheFilesOwn(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	execute(t, url, `
create function forget() returns int language plpgsql as $$ begin execute 'deallocate all'; return 1; end $$;
create function lose() returns int language plpgsql as $$ begin delete from schema_migrations where version = '005_file.sql'; return 1; end $$`)
	fsys := ledgerFiles(6)
	fsys["002_file.sql"] = files("x", "prepare p as select 1;\ninsert into ledger values (2);\n")["x"]
	fsys["003_file.sql"] = files("x", "select forget();\ninsert into ledger values (3);\n")["x"]
	fsys["004_file.sql"] = files("x", "deallocate all;\nprepare p as select 1;\ninsert into ledger values (4);\n")["x"]
	fsys["005_file.sql"] = files("x", "select lose();\ninsert into ledger values (5);\n")["x"]
	var seen recorder
	results, err := open(t, url, fsys, migrator.Config{Observe: seen.observe}).Run(patience(t), migrator.Up())
	require.Len(t, results, 4)
	require.ErrorContains(t, err, "005_file.sql: the row of this file is gone or changed in public.schema_migrations")
	require.ErrorContains(t, err, "rolled back; nothing of this file was applied")
	require.Equal(t, ledgerState(4), state(t, url))
	require.Len(t, seen.of(migrator.EventStarted), 5)
	require.Len(t, seen.of(migrator.EventFailed), 1)
}

// TestAPlaceInAPreparedStatementIsNotOneInAFile: the server counts in the message in which it was prepared.
func TestAPlaceInAPreparedStatementIsNotOneInAFile(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	fsys := ledgerFiles(60)
	fsys["040_file.sql"] = files("x", "insert into ledger values (40);\nalter table schema_migrations rename column applied_at to moment;\n")["x"]
	var seen recorder
	results, err := open(t, url, fsys, migrator.Config{Observe: seen.observe}).Run(patience(t), migrator.Up())
	require.Len(t, results, 39)
	var failed *migrator.MigrationError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, migrator.Version("040_file.sql"), failed.Version)
	require.Zero(t, failed.Line)
	require.ErrorContains(t, err, `column "applied_at"`)
	require.ElementsMatch(t, ledgerState(39), state(t, url))
	require.Len(t, seen.of(migrator.EventFailed), 1)
}

// TestTheLimitsOfARoleEndNeitherFilesNorWhatTheyDefer, wherever they stand among those that are sent together.
func TestTheLimitsOfARoleEndNeitherFilesNorWhatTheyDefer(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	fsys := ledgerFiles(5)
	fsys["002_file.sql"] = files("x", `
create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.5); return null; end $$;
create constraint trigger slow after insert on ledger deferrable initially deferred for each row when (new.file = 4) execute function slow();
insert into ledger values (2);
`)["x"]
	fsys["003_file.sql"] = files("x", "reset statement_timeout;\nset statement_timeout = '5s';\ninsert into ledger select 3 from pg_sleep(0.5);\n")["x"]
	limited := role(t, url, "", "alter role $role set statement_timeout = 250", "alter role $role set idle_in_transaction_session_timeout = 20")
	proxy := pgproxy.Start(t, limited)
	results, err := open(t, proxy.URL(), fsys, migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Len(t, results, 5)
	require.GreaterOrEqual(t, results[3].Elapsed.Milliseconds(), int64(500))
	require.Equal(t, ledgerState(5), state(t, url))
}

// TestWhatIsDeallocatedIsPreparedAnew: otherwise each file after it would be sent alone, and have a seal of its own.
func TestWhatIsDeallocatedIsPreparedAnew(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		own  int // seals of their own, in the first kilobytes of a message
		file string
	}{
		{"after a retry", 0, "do $$ begin if nextval('public.tries') = 1 then raise exception using errcode = '55P03'; end if; end $$;\n"},
		{"after a file that is sent alone", 0, "-- " + strings.Repeat("x", 150_000) + "\n"},
		{"after a file that deallocates", 1, "Deallocate all;\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			execute(t, url, "create sequence public.tries")
			fsys := ledgerFiles(60)
			fsys["040_file.sql"] = files("x", c.file+"insert into ledger values (40);\n")["x"]
			proxy := pgproxy.Start(t, url)
			_, err := open(t, proxy.URL(), fsys, migrator.Config{}).Run(patience(t), migrator.Up())
			require.NoError(t, err)
			own := 0
			for _, message := range proxy.Messages() {
				own += strings.Count(message.SQL, "MG002")
			}
			require.Equal(t, c.own, own)
			require.ElementsMatch(t, ledgerState(60), state(t, url))
		})
	}
}

// TestWhatAFunctionLeavesPreparedDoesNotOutliveTheMessage, of which the file that calls it says nothing.
func TestWhatAFunctionLeavesPreparedDoesNotOutliveTheMessage(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	execute(t, url, `create function leave() returns int language plpgsql as $$ begin execute 'prepare "a left one" as select 1'; return 1; end $$`)
	fsys := ledgerFiles(200)
	fsys["002_file.sql"] = files("x", "select leave();\ninsert into ledger values (2);\n")["x"]
	fsys["190_file.sql"] = files("x", "insert into ledger select 190 where not exists (select from pg_prepared_statements where name like 'a left%');\n")["x"]
	_, err := open(t, url, fsys, migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Equal(t, []string{"200"}, query(t, url, "select count(*)::text from ledger"))
}
