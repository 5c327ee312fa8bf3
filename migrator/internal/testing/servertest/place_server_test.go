package servertest

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
)

// refusedPlace wants up, a dry run, down and redo to be refused for where the history is, and what runs no file to be let
// pass. Of the wanted texts, those after the first one are hints for up.
func refusedPlace(t *testing.T, url string, fsys fstest.MapFS, config migrator.Config, want ...string) {
	t.Helper()
	m := open(t, url, fsys, config)
	for _, target := range []migrator.Target{migrator.Up(), migrator.UpN(1), migrator.Down(1), migrator.Redo(1)} {
		_, planErr := m.Plan(patience(t), target)
		results, err := m.Run(patience(t), target)
		require.Empty(t, results)
		for _, err := range []error{err, planErr} {
			var history *migrator.HistoryError
			require.ErrorAs(t, err, &history, target.String())
			expected := want
			if strings.HasPrefix(target.String(), "revert") {
				expected = want[:1]
				require.NotContains(t, err.Error(), "appl", "it would apply nothing")
				require.NotContains(t, err.Error(), "begin a history", "it would begin none")
			}
			for _, text := range expected {
				require.ErrorContains(t, err, text, target.String())
			}
		}
	}
	statuses, err := m.Status(patience(t))
	require.NoError(t, err)
	for _, s := range statuses {
		require.Equal(t, migrator.StatePending, s.State)
	}
	require.NoError(t, m.Verify(patience(t)))
	_, err = m.Run(patience(t), migrator.Repair())
	require.NoError(t, err)
	_, err = m.Plan(patience(t), migrator.Baseline(""))
	require.NoError(t, err)
	_, err = m.Plan(patience(t), migrator.MarkApplied(statuses[0].Version))
	require.NoError(t, err)
}

// histories are the tables of our layout that a database has.
func histories(t *testing.T, url string) []string {
	t.Helper()
	return query(t, url, "select attrelid::regclass::text from pg_attribute where attname = 'checksum' and attnum > 0 and attrelid > 16384 order by 1")
}

// warningsOf are those of a plan.
func warningsOf(t *testing.T, m *migrator.Migrator) string {
	t.Helper()
	plan, err := m.Plan(patience(t), migrator.Up())
	require.NoError(t, err)
	return strings.Join(plan.Warnings, "\n")
}

func TestFilesThatAreAppliedUnderAnotherTableAreNotAppliedAgain(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	execute(t, url, "create schema app")
	_, err := open(t, url, ledgerFiles(2), migrator.Config{Table: "app.history"}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	refusedPlace(t, url, ledgerFiles(3), migrator.Config{}, "history table public.schema_migrations: is empty, but app.history records 001_ledger.sql, 002_file.sql",
		"HINT: if that is their history: --table app.history (Config.Table); to apply them here too: --table public.schema_migrations")
	require.Equal(t, []string{"1", "2"}, query(t, url, "select file::text from ledger order by 1"))
	require.Equal(t, []string{"app.history"}, histories(t, url))

	results, err := open(t, url, ledgerFiles(3), migrator.Config{Table: "app.history"}).Run(patience(t), migrator.Up())
	require.NoError(t, err, "the hint leads out")
	require.Len(t, results, 1)

	_, err = open(t, url, files(), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err, "with no files there is nothing to refuse; the table is made")
	refusedPlace(t, url, ledgerFiles(3), migrator.Config{}, "is empty, but app.history records")
}

func TestOtherFilesWithTheSameNamesElsewhereAreNoReasonToRefuse(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	_, err := open(t, url, files("001_init.sql", "create table a ();\n"), migrator.Config{Table: "a_history"}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	b := open(t, url, files("001_init.sql", "create table b ();\n"), migrator.Config{})
	require.Empty(t, warningsOf(t, b))
	results, err := b.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Len(t, results, 1)
}

// TestAHelperThatTwoServicesHaveInCommonIsNoReasonToRefuse, as long as as many files of one name differ.
func TestAHelperThatTwoServicesHaveInCommonIsNoReasonToRefuse(t *testing.T) {
	t.Parallel()
	const ext, functions = "create table if not exists ext ();\n", "create table if not exists functions ();\n"
	a := files("000_ext.sql", ext, "001_init.sql", "create table a ();\n")
	b := files("000_ext.sql", ext, "001_init.sql", "create table b ();\n")
	for _, helper := range []string{"recorded with a checksum", "recorded without one"} {
		url := newDatabase(t)
		execute(t, url, "create schema b")
		startService(t, service{url: url, files: b, config: migrator.Config{Table: "b.history"}, applies: versionsOf(b)})
		if helper == "recorded without one" {
			execute(t, url, "update b.history set checksum = null where version = '000_ext.sql'")
		}
		require.Contains(t, warningsOf(t, open(t, url, a, migrator.Config{})), "b.history records 000_ext.sql too; public.schema_migrations is a history of its own", helper)
		startService(t, service{url: url, files: a, applies: versionsOf(a)})
	}

	url := newDatabase(t)
	a["000_functions.sql"], b["000_functions.sql"] = &fstest.MapFile{Data: []byte(functions)}, &fstest.MapFile{Data: []byte(functions)}
	execute(t, url, "create schema b")
	startService(t, service{url: url, files: b, config: migrator.Config{Table: "b.history"}, applies: versionsOf(b)})
	_, err := open(t, url, a, migrator.Config{}).Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, "b.history records 000_ext.sql, 000_functions.sql: they would be applied again", "not 001_init.sql, which differs")
}

// TestANewTenantWithTheSameFilesIsNotRefused: somebody has chosen the place.
func TestANewTenantWithTheSameFilesIsNotRefused(t *testing.T) {
	t.Parallel()
	for name, tenant := range map[string]func(t *testing.T, database string) (url string, config migrator.Config){
		"by the connection's search_path": func(t *testing.T, database string) (string, migrator.Config) {
			t.Helper()
			return withParameter(t, database, "search_path", "tenant2"), migrator.Config{}
		},
		"by the role's search_path": func(t *testing.T, database string) (string, migrator.Config) {
			t.Helper()
			return role(t, database, "", "alter schema tenant2 owner to $role", "alter role $role set search_path = tenant2", "grant all on schema tenant1 to $role", "grant select on tenant1.schema_migrations to $role"), migrator.Config{}
		},
		"by the role's name": func(t *testing.T, database string) (string, migrator.Config) {
			t.Helper()
			return role(t, database, "", "create schema authorization $role", "grant all on schema tenant1 to $role", "grant select on tenant1.schema_migrations to $role"), migrator.Config{}
		},
		"by the table": func(t *testing.T, database string) (string, migrator.Config) {
			t.Helper()
			return withParameter(t, database, "options", "-c search_path=tenant2"), migrator.Config{Table: "tenant2.schema_migrations"}
		},
		"by the table's name": func(_ *testing.T, database string) (string, migrator.Config) {
			return database, migrator.Config{Table: "tenant2_history"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := newDatabase(t)
			execute(t, database, "create schema tenant1; create schema tenant2")
			startService(t, service{url: withParameter(t, database, "search_path", "tenant1"), files: ledgerFiles(2), applies: versionsOf(ledgerFiles(2))})
			url, config := tenant(t, database)
			var seen recorder
			config.Observe = seen.observe
			s := service{url: url, files: ledgerFiles(2), config: config, applies: versionsOf(ledgerFiles(2))}
			startService(t, s)
			require.Len(t, seen.of(migrator.EventWarning), 1)
			require.Contains(t, seen.of(migrator.EventWarning)[0].Message, "tenant1.schema_migrations records 001_ledger.sql, 002_file.sql too")
			s.applies = nil
			startService(t, s)
			require.Len(t, seen.of(migrator.EventWarning), 1, "it has a history now")
		})
	}
}

// TestATenantInFrontOfAnotherHistoryIsAskedWhoseIsMeant: it must never answer that nothing is pending.
func TestATenantInFrontOfAnotherHistoryIsAskedWhoseIsMeant(t *testing.T) {
	t.Parallel()
	database := newDatabase(t)
	startService(t, service{url: database, files: ledgerFiles(2), applies: versionsOf(ledgerFiles(2))})
	url := withParameter(t, database, "search_path", "tenant2,public")
	execute(t, database, "create schema tenant2")
	want := []string{
		"history table tenant2.schema_migrations: is not there, but public.schema_migrations is next on the search_path, and records 001_ledger.sql, 002_file.sql",
		"HINT: to go on with that one: --table public.schema_migrations; to begin a history of its own in schema tenant2: --table tenant2.schema_migrations (Config.Table)",
	}
	refusedPlace(t, url, ledgerFiles(2), migrator.Config{}, want...)
	execute(t, database, "create table tenant2.by_hand (); create table tenant2.ledger (file int)")
	refusedPlace(t, url, ledgerFiles(2), migrator.Config{}, want...)
	execute(t, database, "drop table tenant2.ledger")
	require.Equal(t, []string{"schema_migrations"}, histories(t, database))

	startService(t, service{url: url, config: migrator.Config{Table: "tenant2.schema_migrations"}, files: ledgerFiles(2), applies: versionsOf(ledgerFiles(2))})
	startService(t, service{url: url, files: ledgerFiles(2)})
	require.Equal(t, []string{"1", "2"}, query(t, database, "select file::text from tenant2.ledger order by 1"))
	require.Equal(t, []string{"1", "2"}, query(t, database, "select file::text from public.ledger order by 1"))
}

// TestARelationThatTheFilesHaveNotMadeMakesNoTenant: a comment may mention it, or they have renamed or dropped theirs.
func TestARelationThatTheFilesHaveNotMadeMakesNoTenant(t *testing.T) {
	t.Parallel()
	for relation, sql := range map[string]string{
		"legacy":   "-- like the legacy table of old\ncreate table t (i int);\n",
		"t":        "create table t (i int);\nalter table t rename to t2;\n",
		"tmp_load": "create table tmp_load ();\ndrop table tmp_load;\n",
	} {
		t.Run(relation, func(t *testing.T) {
			t.Parallel()
			database := newDatabase(t)
			fsys := files("001_first.sql", sql)
			startService(t, service{url: database, files: fsys, applies: versionsOf(fsys)})
			execute(t, database, "create schema tenant2; create table tenant2."+relation+" ()")
			refusedPlace(t, withParameter(t, database, "search_path", "tenant2,public"), fsys, migrator.Config{},
				"public.schema_migrations is next on the search_path, and records 001_first.sql", "--table public.schema_migrations;", "--table tenant2.schema_migrations (Config.Table)")
		})
	}
}

// TestANextHistoryThatCannotBeReadIsNotThatOfARoleWithASchemaOfItsOwn: the role has not written it. Elsewhere it may be meant.
func TestANextHistoryThatCannotBeReadIsNotThatOfARoleWithASchemaOfItsOwn(t *testing.T) {
	t.Parallel()
	database := newDatabase(t)
	startService(t, service{url: database, files: ledgerFiles(2), applies: versionsOf(ledgerFiles(2))})
	url := role(t, database, "", "create schema authorization $role", "create schema app authorization $role")
	refusedPlace(t, withParameter(t, url, "search_path", "app,public"), ledgerFiles(2), migrator.Config{}, "but public.schema_migrations is next on the search_path, and role_", "cannot read it",
		`grant select on "public"."schema_migrations" to`)
	require.Contains(t, warningsOf(t, open(t, url, ledgerFiles(2), migrator.Config{})), "public.schema_migrations is next on the search_path, and role_")
	s := service{url: url, files: ledgerFiles(2), applies: versionsOf(ledgerFiles(2))}
	startService(t, s)
	s.applies = nil
	startService(t, s)
	require.Equal(t, []string{"1", "2"}, query(t, database, "select file::text from public.ledger order by 1"))
}

func TestANextHistoryThatCannotBeSeenIsPassedOver(t *testing.T) {
	t.Parallel()
	database := newDatabase(t)
	startService(t, service{url: database, files: ledgerFiles(2), applies: versionsOf(ledgerFiles(2))})
	url := role(t, database, "", "create schema authorization $role")
	execute(t, database, "revoke usage on schema public from public")
	startService(t, service{url: url, files: ledgerFiles(2), applies: versionsOf(ledgerFiles(2))})
}

// TestAHistoryOfOtherFilesFurtherOnInTheSearchPathIsNamed: the directory may be the wrong one.
func TestAHistoryOfOtherFilesFurtherOnInTheSearchPathIsNamed(t *testing.T) {
	t.Parallel()
	database := newDatabase(t)
	_, err := open(t, database, files(), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err, "a history of nothing")
	execute(t, database, "create schema b; create schema c")
	b := withParameter(t, database, "search_path", "b,public")
	startService(t, service{url: b, files: ledgerFiles(1), applies: versionsOf(ledgerFiles(1))})

	startService(t, service{url: database, files: files("001_a.sql", "create table a ();"), applies: []migrator.Version{"001_a.sql"}})
	c := withParameter(t, database, "search_path", "c,public")
	refusedPlace(t, c, files("001_c.sql", "create table c ();"), migrator.Config{},
		"history table c.schema_migrations: is not there, but public.schema_migrations is next on the search_path, and records other files: 001_a.sql\nHINT: to go on with that one")
	startService(t, service{url: c, files: files("001_c.sql", "create table c ();"), config: migrator.Config{Table: "c.schema_migrations"}, applies: []migrator.Version{"001_c.sql"}})
	startService(t, service{url: c, files: files("001_c.sql", "create table c ();")})
	startService(t, service{url: b, files: ledgerFiles(1)})
}

// TestAFileThatMovesTheSearchPathLeavesTheHistoryWhereItIs: the second run finds it further on.
func TestAFileThatMovesTheSearchPathLeavesTheHistoryWhereItIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first string // $role is who migrates
		url   func(t *testing.T, user string) string
	}{
		"a schema of the role's name":                   {first: "create schema $role; create table $role.t ();"},
		"a schema of the role's name, empty":            {first: "create schema if not exists $role;"},
		"a schema of the role's name, without its name": {first: "create schema authorization current_user;"},
		"a schema that is made dynamically":             {first: "do $$ begin execute format('create schema %I', current_user); end $$; create table t ();"},
		"the connection's search_path": {
			first: "create schema app; create table app.t ();",
			url: func(t *testing.T, user string) string {
				t.Helper()
				return withParameter(t, user, "search_path", "app,public")
			},
		},
		"the database's search_path": {first: "create schema app; create table app.t (); do $$ begin execute format('alter database %I set search_path = app, public', current_database()); end $$;"},
		"the role's search_path":     {first: "create schema app; create table app.t (); alter role $role set search_path = app, public;"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, mode := range modes {
				database := newDatabase(t)
				user := role(t, database, "")
				own(t, database, user)
				roleName := "role_" + strings.TrimPrefix(user[strings.LastIndex(user, "/"):], "/")
				roleName, _, _ = strings.Cut(roleName, "?")
				if c.url != nil {
					user = c.url(t, user)
				}
				fsys := files("001_first.sql", strings.ReplaceAll(c.first, "$role", roleName), "002_second.sql", "select 2;\n")
				s := service{url: user, files: fsys, config: mode.config, applies: versionsOf(fsys)}
				startService(t, s)
				s.applies = nil
				startService(t, s)
				fsys["003_third.sql"] = &fstest.MapFile{Data: []byte("select 3;\n")}
				s.applies = []migrator.Version{"003_third.sql"}
				startService(t, s)
				require.NoError(t, open(t, user, fsys, mode.config).Verify(patience(t)))
				require.Len(t, histories(t, database), 1)
			}
		})
	}
}

// TestAFileThatIsBegunFurtherOnInTheSearchPathIsResumedThere: its first statement has made the schema, and nothing is recorded yet.
func TestAFileThatIsBegunFurtherOnInTheSearchPathIsResumedThere(t *testing.T) {
	t.Parallel()
	database := newDatabase(t)
	user := role(t, database, "")
	own(t, database, user)
	const begun = "-- migrator: no-transaction\ncreate schema authorization current_user;\ncreate table ran ();\n"
	_, err := open(t, user, files("001_first.sql", begun+"select 1/0;\n"), migrator.Config{}).Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, "division by zero")
	results, err := open(t, user, files("001_first.sql", begun+"select 1;\n"), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Len(t, results, 1)
	require.Equal(t, []string{"schema_migrations"}, histories(t, database))
}

// TestASearchPathThatHasMovedAwayFromTheHistoryIsRefused: all files would run again.
func TestASearchPathThatHasMovedAwayFromTheHistoryIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ schema, file, between string }{
		"by a file that makes the schema":     {"app", "create schema app; create table app.t (); alter role current_user set search_path = app;", ""},
		"by a file, to a schema made by hand": {"app", "alter role current_user set search_path = app; create table t ();", "create schema app authorization $role"},
		"by hand":                             {"app", "create table t ();", "create schema app authorization $role; alter role $role set search_path = app"},
		"by hand, to the role's own schema":   {"$role", "create table t ();", "create schema authorization $role; alter role $role set search_path = $role"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := newDatabase(t)
			user := role(t, database, "")
			own(t, database, user)
			conn, err := pgx.ParseConfig(user)
			require.NoError(t, err)
			named := func(text string) string { return strings.ReplaceAll(text, "$role", conn.User) }
			fsys := files("001_first.sql", c.file+"\n")
			startService(t, service{url: user, files: fsys, applies: versionsOf(fsys)})
			execute(t, database, named(c.between))
			refusedPlace(t, user, fsys, migrator.Config{}, named("history table "+c.schema+".schema_migrations: is empty, but public.schema_migrations records 001_first.sql"))
			startService(t, service{url: user, files: fsys, config: migrator.Config{Table: "public.schema_migrations"}})
		})
	}
}

func TestAHistoryFurtherOnInTheSearchPathCostsOneMoreRoundTrip(t *testing.T) {
	t.Parallel()
	database := newDatabase(t)
	startService(t, service{url: database, files: files("001_app.sql", "create schema app;"), applies: []migrator.Version{"001_app.sql"}})
	proxy := pgproxy.Start(t, withParameter(t, database, "search_path", "app,public"))
	results, err := open(t, proxy.URL(), files("001_app.sql", "create schema app;"), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Empty(t, results)
	require.Equal(t, 2, proxy.Flights().Queries)
}
