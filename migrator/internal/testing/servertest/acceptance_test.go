package servertest

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	agentshaker "github.com/agent-shaker/agent-shaker"
	"github.com/agent-shaker/agent-shaker/migrator"
)

// A service is a healthy one, as it starts after an upgrade of this tool.
type service struct {
	url     string
	config  migrator.Config
	files   fs.FS
	applies []migrator.Version // what is pending
}

// TestAcceptanceHealthyServicesStartUnchanged is the other side of every refusal: these start, apply what is pending, and
// start again with nothing to do.
func TestAcceptanceHealthyServicesStartUnchanged(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(t *testing.T, database string) []service{
		"an old binary on a newer database": func(t *testing.T, database string) []service {
			startService(t, service{url: database, files: ledgerFiles(4), applies: versionsOf(ledgerFiles(4))})
			return []service{{url: database, files: ledgerFiles(2)}}
		},
		"an old binary that knows none of the newest versions, nor the repeatable file": func(t *testing.T, database string) []service {
			newer := ledgerFiles(3)
			newer["R_view.sql"] = &fstest.MapFile{Data: []byte("create or replace view v as select file from ledger;\n")}
			startService(t, service{url: database, files: newer, applies: versionsOf(newer)})
			return []service{{url: database, files: ledgerFiles(1)}}
		},
		"a role that may only read and write rows, with nothing pending": func(t *testing.T, database string) []service {
			startService(t, service{url: database, files: ledgerFiles(2), applies: versionsOf(ledgerFiles(2))})
			user := rowsRole(t, database)
			return []service{{url: user, files: ledgerFiles(2)}}
		},
		"a role that may only read rows, with nothing pending": func(t *testing.T, database string) []service {
			startService(t, service{url: database, files: ledgerFiles(2), applies: versionsOf(ledgerFiles(2))})
			user := role(t, database, "", "revoke create on schema public from $role", "grant select on schema_migrations to $role")
			return []service{{url: user, files: ledgerFiles(2)}}
		},
		"a superuser that migrates a database whose tables an application role owns": func(t *testing.T, database string) []service {
			user := role(t, database, "")
			own(t, database, user)
			startService(t, service{url: user, files: ledgerFiles(2), applies: versionsOf(ledgerFiles(2))})
			return []service{{url: database, files: ledgerFiles(3), applies: []migrator.Version{"003_file.sql"}}}
		},
		"a superuser that migrates a schema that an application role owns": func(t *testing.T, database string) []service {
			user := withParameter(t, role(t, database, "", "create schema app authorization $role"), "search_path", "app")
			startService(t, service{url: user, files: ledgerFiles(2), applies: versionsOf(ledgerFiles(2))})
			return []service{{url: withParameter(t, database, "search_path", "app"), files: ledgerFiles(3), applies: []migrator.Version{"003_file.sql"}}}
		},
		"two services with two history tables": func(_ *testing.T, database string) []service {
			a, b := files("001_a.sql", "create table a ();"), files("001_b.sql", "create table b ();")
			return []service{
				{url: database, files: a, config: migrator.Config{Table: "a_history"}, applies: versionsOf(a)},
				{url: database, files: b, config: migrator.Config{Table: "b_history"}, applies: versionsOf(b)},
			}
		},
		"two services that have rows in one shared table": func(t *testing.T, database string) []service {
			a, b := files("001_a.sql", "create table a ();"), files("001_b.sql", "create table b ();")
			startService(t, service{url: database, files: a, applies: versionsOf(a)})
			execute(t, database, "insert into schema_migrations (version) values ('001_b.sql'); create table b ()")
			a["002_a.sql"], b["002_b.sql"] = &fstest.MapFile{Data: []byte("drop table a;")}, &fstest.MapFile{Data: []byte("drop table b;")}
			return []service{
				{url: database, files: a, applies: []migrator.Version{"002_a.sql"}},
				{url: database, files: b, applies: []migrator.Version{"002_b.sql"}},
			}
		},
		"tenants by search_path, each with a history": func(t *testing.T, database string) []service {
			var services []service
			for _, tenant := range []string{"tenant1", "tenant2", "tenant3"} {
				execute(t, database, "create schema "+tenant)
				at := withParameter(t, database, "search_path", tenant)
				startService(t, service{url: at, config: migrator.Config{Table: tenant + ".schema_migrations"}, files: ledgerFiles(2), applies: versionsOf(ledgerFiles(2))})
				services = append(services, service{url: at, files: ledgerFiles(3), applies: []migrator.Version{"003_file.sql"}})
			}
			return services
		},
		"tenants by search_path, from their first start": func(t *testing.T, database string) []service {
			var services []service
			for _, tenant := range []string{"tenant1", "tenant2", "tenant3"} {
				execute(t, database, "create schema "+tenant)
				services = append(services, service{
					url: withParameter(t, database, "search_path", tenant), files: ledgerFiles(2), applies: versionsOf(ledgerFiles(2)),
				})
			}
			return services
		},
		"a service that joins the table of another one on purpose": func(t *testing.T, database string) []service {
			startService(t, service{url: database, files: ledgerFiles(2), applies: versionsOf(ledgerFiles(2))})
			b := files("001_b.sql", "create table b ();")
			startService(t, service{url: database, files: b, config: migrator.Config{AllowUnrelated: true}, applies: versionsOf(b)})
			b["002_b.sql"] = &fstest.MapFile{Data: []byte("drop table b;")}
			return []service{{url: database, files: b, applies: []migrator.Version{"002_b.sql"}}, {url: database, files: ledgerFiles(2)}}
		},
		"two services with files of the same names": func(t *testing.T, database string) []service {
			a, b := files("001_init.sql", "create table a ();"), files("001_init.sql", "create table b ();")
			execute(t, database, "create schema a; create schema b")
			return []service{
				{url: database, files: a, config: migrator.Config{Table: "a.schema_migrations"}, applies: versionsOf(a)},
				{url: database, files: b, applies: versionsOf(b)},
			}
		},
		"tenants by table": func(t *testing.T, database string) []service {
			var services []service
			for _, tenant := range []string{"tenant1", "tenant2"} {
				execute(t, database, "create schema "+tenant)
				services = append(services, service{
					url: withParameter(t, database, "search_path", tenant), config: migrator.Config{Table: tenant + ".schema_migrations"},
					files: ledgerFiles(2), applies: versionsOf(ledgerFiles(2)),
				})
			}
			return services
		},
		"folders with helper SQL below and next to the migrations": func(_ *testing.T, database string) []service {
			fsys := ledgerFiles(2)
			for _, path := range []string{"bootstrap_existing_db.sql", "helpers/001_users.sql", "seeds/dev/users.sql", "views/active.sql"} {
				fsys[path] = &fstest.MapFile{Data: []byte("select helper;\n")}
			}
			return []service{{url: database, files: fsys, applies: versionsOf(ledgerFiles(2))}}
		},
		"Supabase": func(t *testing.T, database string) []service {
			execute(t, database, supabase)
			return []service{{url: database, files: ledgerFiles(2), applies: versionsOf(ledgerFiles(2))}}
		},
		"River and graphile-worker": func(t *testing.T, database string) []service {
			execute(t, database, queues)
			return []service{{url: database, files: ledgerFiles(2), applies: versionsOf(ledgerFiles(2))}}
		},
		"histories of other tools in schemas of their own": func(t *testing.T, database string) []service {
			execute(t, database, "create schema keycloak; create table keycloak.databasechangelog (id varchar(255), author varchar(255), filename varchar(255), orderexecuted int, exectype varchar(10), md5sum varchar(35));"+
				"insert into keycloak.databasechangelog values ('1', 'a', 'f', 1, 'EXECUTED', ''); create schema drizzle; create table drizzle.__drizzle_migrations (id serial, hash text, created_at bigint); insert into drizzle.__drizzle_migrations values (1, 'x', 1)")
			return []service{{url: database, files: ledgerFiles(2), applies: versionsOf(ledgerFiles(2))}}
		},
		"a history next to that of another tool": func(t *testing.T, database string) []service {
			startService(t, service{url: database, files: ledgerFiles(2), applies: versionsOf(ledgerFiles(2))})
			execute(t, database, "create table alembic_version (version_num varchar(32)); insert into alembic_version values ('x')")
			return []service{{url: database, files: ledgerFiles(3), applies: []migrator.Version{"003_file.sql"}}}
		},
		"the database of the older Agent Shaker": func(t *testing.T, database string) []service {
			legacy, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "testdata", "legacy.sql"))
			require.NoError(t, err)
			execute(t, database, string(legacy))
			return []service{{url: database, files: agentshaker.Migrations(), applies: []migrator.Version{
				"004_add_notifications.sql", "005_add_task_priority.sql", "006_migrate_agent_status.sql",
			}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, s := range prepare(t, newDatabase(t)) {
				startService(t, s)
				s.applies = nil
				startService(t, s)
			}
		})
	}
}

// startService looks at the database and applies what is pending.
func startService(t *testing.T, s service) {
	t.Helper()
	conn, err := pgx.ParseConfig(s.url)
	require.NoError(t, err)
	migrations, err := migrator.Load(s.files)
	require.NoError(t, err)
	m := migrator.New(conn, migrations, s.config)
	_, err = m.Status(patience(t))
	require.NoError(t, err, "status")
	plan, err := m.Plan(patience(t), migrator.Up())
	require.NoError(t, err, "plan")
	var planned []migrator.Version
	for _, move := range plan.Moves {
		planned = append(planned, move.Migration.Version)
	}
	require.Equal(t, s.applies, planned, "plan")
	results, err := m.Run(patience(t), migrator.Up())
	require.NoError(t, err, "up")
	var applied []migrator.Version
	for _, result := range results {
		applied = append(applied, result.Version)
	}
	require.Equal(t, s.applies, applied, "up")
}

// TestAcceptanceARenamedSetIsReportedAsRenames and not as files that have nothing to do with the history.
func TestAcceptanceARenamedSetIsReportedAsRenames(t *testing.T) {
	t.Parallel()
	database := newDatabase(t)
	startService(t, service{url: database, files: ledgerFiles(3), applies: versionsOf(ledgerFiles(3))})
	renamed := fstest.MapFS{"20260104_more.sql": &fstest.MapFile{Data: []byte("insert into ledger values (4);\n")}}
	for _, v := range versionsOf(ledgerFiles(3)) {
		renamed["20260101"+string(v)] = ledgerFiles(3)[string(v)]
	}
	m := open(t, database, renamed, migrator.Config{})
	_, err := m.Run(patience(t), migrator.Up())
	var mismatch *migrator.MismatchError
	require.ErrorAs(t, err, &mismatch)
	require.Len(t, mismatch.Mismatches, 3)
	for _, s := range mismatch.Mismatches {
		require.Equal(t, migrator.StateRenamed, s.State)
	}
	_, err = m.Run(patience(t), migrator.Repair())
	require.NoError(t, err)
	startService(t, service{url: database, files: renamed, applies: []migrator.Version{"20260104_more.sql"}})
}
