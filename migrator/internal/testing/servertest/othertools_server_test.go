package servertest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// TestWhatAnotherToolHasAppliedIsNotAppliedAgain has each tool's table as that tool makes it.
func TestWhatAnotherToolHasAppliedIsNotAppliedAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ tool, table, columns, row, newest string }{
		{"golang-migrate", "schema_migrations", "version bigint not null primary key, dirty boolean not null", "(12, false)", "12"},
		{"golang-migrate", "my_versions", "version bigint not null primary key, dirty boolean not null", "(12, true)", "12 (dirty)"},
		{"goose", "goose_db_version", "id serial primary key, version_id bigint not null, is_applied boolean not null, tstamp timestamp default now()", "(1, 0, true), (2, 20240101, true)", "20240101"},
		{"Flyway", "flyway_schema_history", "installed_rank int primary key, version varchar(50), description varchar(200) not null, type varchar(20) not null, script varchar(1000) not null, checksum int, installed_by varchar(100) not null, installed_on timestamp default now(), execution_time int not null, success boolean not null", "(1, '1', 'init', 'SQL', 'V1__init.sql', 5, 'app', now(), 3, true)", "V1__init.sql"},
		{"goose", "goose_db_version", "id serial primary key, version_id bigint not null, is_applied boolean not null, tstamp timestamp default now()", "(1, 0, true), (2, 4, true), (3, 5, true), (4, 5, false)", "4"},
		{"Flyway", "flyway_schema_history", "installed_rank int primary key, version varchar(50), description varchar(200) not null, type varchar(20) not null, script varchar(1000) not null, checksum int, installed_by varchar(100) not null, installed_on timestamp default now(), execution_time int not null, success boolean not null", "(0, null, '<< Flyway Schema Creation >>', 'SCHEMA', '\"app\"', null, 'app', now(), 0, true), (1, '1.1', '<< Flyway Baseline >>', 'BASELINE', '<< Flyway Baseline >>', null, 'app', now(), 0, true)", "1.1 (baseline)"},
		{"Liquibase", "databasechangelog", "id varchar(255) not null, author varchar(255) not null, filename varchar(255) not null, dateexecuted timestamp not null, orderexecuted int not null, exectype varchar(10) not null, md5sum varchar(35)", "('2-b', 'ann', 'db.xml', now(), 2, 'EXECUTED', ''), ('1-a', 'ann', 'db.xml', now(), 1, 'EXECUTED', '')", "2-b"},
		{"Prisma", "_prisma_migrations", "id varchar(36) primary key, checksum varchar(64) not null, finished_at timestamptz, migration_name varchar(255) not null, logs text, rolled_back_at timestamptz, started_at timestamptz not null default now(), applied_steps_count int not null default 0", "('u', 'c', now(), '20240101_init', '', null)", "20240101_init"},
		{"sqlx", "_sqlx_migrations", "version bigint primary key, description text not null, installed_on timestamptz not null default now(), success boolean not null, checksum bytea not null, execution_time bigint not null", "(3, 'c', now(), true, '', 1)", "3"},
		{"Alembic", "alembic_version", "version_num varchar(32) not null", "('ae1027a6acf')", "ae1027a6acf"},
		{"Django", "django_migrations", "id bigint primary key, app varchar(255) not null, name varchar(255) not null, applied timestamptz not null", "(1, 'auth', '0001_initial', now())", "auth.0001_initial"},
		{"Knex", "knex_migrations", "id serial primary key, name varchar(255), batch int, migration_time timestamptz", "(1, '1_a.js', 1, now()), (2, '2_b.js', 1, now())", "2_b.js"},
		{"diesel", "__diesel_schema_migrations", "version varchar(50) primary key, run_on timestamp not null default now()", "('20240101000000')", "20240101000000"},
		{"node-pg-migrate", "pgmigrations", "id serial primary key, name varchar(255) not null, run_on timestamp not null", "(1, '1_a', now())", "1_a"},
		{"Entity Framework", "__EFMigrationsHistory", `"MigrationId" varchar(150) not null, "ProductVersion" varchar(32) not null`, "('20240101_Init', '8.0')", "20240101_Init"},
		{"Laravel", "migrations", "id serial primary key, migration varchar(255) not null, batch int not null", "(1, '2024_create_users_table', 1)", "2024_create_users_table"},
		{"sql-migrate", "gorp_migrations", "id text not null primary key, applied_at timestamptz", "('1_a.sql', now())", "1_a.sql"},
		{"dbmate or Rails", "schema_migrations", "version varchar primary key", "('20240101'), ('20240202')", "20240202"},
		{"tern", "schema_version", "version int not null", "(4)", "4"},
		{"Ecto", "schema_migrations", "version bigint primary key, inserted_at timestamp(0)", "(20240101000000, now())", "20240101000000"},
	} {
		t.Run(c.tool+" "+c.table, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			config := migrator.Config{Table: "app.schema_migrations"}
			if c.table != "schema_migrations" {
				config.Table = ""
			}
			execute(t, url, `create schema app; create table "`+c.table+`" (`+c.columns+")")
			require.Empty(t, warningsOf(t, open(t, url, ledgerFiles(2), config)), "it has recorded nothing")
			execute(t, url, `insert into "`+c.table+`" values `+c.row)

			m := open(t, url, ledgerFiles(2), config)
			_, err := m.Plan(patience(t), migrator.Up())
			var refused *migrator.HistoryError
			require.ErrorAs(t, err, &refused)
			require.ErrorContains(t, err, "is empty, but "+c.tool+" has applied migrations here: the newest that public."+c.table+" records is "+c.newest+"\nHINT: record what is applied already as a baseline, or with mark applied")
			require.ErrorContains(t, err, "--allow-other-tools (Config.AllowOtherTools)")
			results, err := m.Run(patience(t), migrator.Up())
			require.ErrorAs(t, err, &refused)
			require.Empty(t, results)
			require.Equal(t, []string{"true"}, query(t, url, "select (to_regclass('ledger') is null)::text"))

			_, err = m.Status(patience(t))
			require.NoError(t, err)
			require.NoError(t, m.Verify(patience(t)))
			results, err = m.Run(patience(t), migrator.Down(1))
			require.NoError(t, err)
			require.Empty(t, results)
			_, err = m.Run(patience(t), migrator.Baseline("001"))
			require.NoError(t, err)
			execute(t, url, "create table ledger (file int)")
			results, err = m.Run(patience(t), migrator.Up())
			require.NoError(t, err, "the hint leads out")
			require.Len(t, results, 1)
		})
	}
}

func TestWhatAnotherToolHasAppliedIsAllowedWithAFlag(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		url := newDatabase(t)
		execute(t, url, "create table alembic_version (version_num varchar(32) not null); insert into alembic_version values ('a')")
		mode.config.AllowOtherTools = true
		s := service{url: url, files: ledgerFiles(2), config: mode.config, applies: versionsOf(ledgerFiles(2))}
		startService(t, s)
		s.applies, s.config.AllowOtherTools = nil, false
		startService(t, s)
	}
}

// TestOtherToolsCountWhereTheHistoryIsOrTheSearchPathLeads and nowhere else.
func TestOtherToolsCountWhereTheHistoryIsOrTheSearchPathLeads(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		path, schema, table string
		refused             bool
	}{
		"the first schema":     {"a,b", "a", "", true},
		"the next one":         {"a,b", "b", "", true},
		"the history's schema": {"a,b", "c", "c.schema_migrations", true},
		"another one":          {"a,b", "c", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := newDatabase(t)
			execute(t, database, "create schema a; create schema b; create schema c; create table "+c.schema+".alembic_version (version_num varchar(32)); insert into "+c.schema+".alembic_version values ('x')")
			_, err := open(t, withParameter(t, database, "search_path", c.path), ledgerFiles(1), migrator.Config{Table: c.table}).Run(patience(t), migrator.Up())
			if c.refused {
				require.ErrorContains(t, err, c.schema+".alembic_version records is x")
				return
			}
			require.NoError(t, err)
		})
	}
}

func TestATableOfAnotherToolThatCannotBeReadIsWarnedOf(t *testing.T) {
	t.Parallel()
	database := newDatabase(t)
	user := role(t, database, "")
	execute(t, database, "create table alembic_version (version_num varchar(32)); insert into alembic_version values ('x')")
	require.Contains(t, warningsOf(t, open(t, user, ledgerFiles(1), migrator.Config{})), "public.alembic_version looks like the history of Alembic, and role_")
	startService(t, service{url: user, files: ledgerFiles(1), applies: versionsOf(ledgerFiles(1))})
}

// TestLookingForOtherHistoriesRunsNobodysCode: what looks like one may be a stranger's.
func TestLookingForOtherHistoriesRunsNobodysCode(t *testing.T) {
	t.Parallel()
	for name, attack := range map[string]string{
		"a view":               "create view alembic_version as select run()::varchar(32) as version_num",
		"a view of our layout": "create schema s; create view s.history as select '001_ledger.sql'::varchar as version, now()::timestamp as applied_at, run()::varchar as checksum",
		"a policy": "create table alembic_version (version_num varchar(32)); insert into alembic_version values ('x'); alter table alembic_version enable row level security, force row level security; " +
			"create policy p on alembic_version using (run() is not null)",
		"a domain": `create domain "character varying" as text check (value is null or run() is not null); create table alembic_version (version_num public."character varying"); insert into alembic_version values ('x')`,
		"a type with a cast": `create type mood as enum ('x'); create function mood_text(mood) returns text language sql as 'select public.run()'; create cast (mood as text) with function mood_text(mood) as implicit;
create table alembic_version (version_num mood); insert into alembic_version values ('x')`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStranger(t)
			execute(t, s.database, "grant create on database "+database(t, s.database)+" to "+s.name)
			s.does(t, attack)
			m := open(t, s.database, ledgerFiles(1), migrator.Config{})
			_, planErr := m.Plan(patience(t), migrator.Up())
			_, runErr := m.Run(patience(t), migrator.Up())
			require.False(t, s.hasRun(t), "%v, %v", planErr, runErr)
		})
	}
}
