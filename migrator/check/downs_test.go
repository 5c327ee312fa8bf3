package check_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/check"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

func TestWithoutMigrationsThereIsNothingToReport(t *testing.T) {
	t.Parallel()
	require.Empty(t, downs(t))
}

func TestEachFileIsJudgedByItself(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	reports := downs(
		t, "001_users.sql", "create table users (id int)", "001_users.down.sql", "",
		"002_email.sql", "alter table users add email text", "002_email.down.sql", "alter table users drop column emial",
		"003_teams.sql", "create table teams (id int)", "003_teams.down.sql", "drop table teams",
		"004_members.sql", "create table members (id int)",
		"005_seed.sql", "create unique index on teams (id);\ninsert into teams values (1)", "005_seed.down.sql", "drop index teams_id_idx",
		"006_leave.sql", "drop table teams", "006_leave.down.sql", "create table teams (id bigint)",
		"007_end.sql", "create index users_email on users (email)", "007_end.down.sql", "drop index users_email",
	)
	require.Equal(t, check.Report{
		Version: "001_users.sql", Outcome: check.Wrong, Step: check.StepDown,
		Differences: []check.Difference{{Object: "table public.users", After: "create table public.users using heap"}},
	}, reports[0])
	require.Equal(t, check.Failed, reports[1].Outcome)
	require.Equal(t, check.StepDown, reports[1].Step)
	require.ErrorContains(t, reports[1].Err, `002_email.down.sql:1:1: column "emial" of relation "users" does not exist (SQLSTATE 42703)`)
	require.Equal(t, check.Report{Version: "003_teams.sql", Outcome: check.Reversible}, reports[2])
	require.Equal(t, check.Report{Version: "004_members.sql", Outcome: check.Irreversible}, reports[3])
	require.Equal(t, check.Failed, reports[4].Outcome)
	require.Equal(t, check.StepUpAgain, reports[4].Step)
	require.ErrorContains(t, reports[4].Err, `005_seed.sql:2:1: duplicate key value violates unique constraint "teams_id_idx"`)
	require.Equal(t, check.Wrong, reports[5].Outcome)
	require.Equal(t, []string{"table column public.teams.id", "index public.teams_id_idx"}, objects(reports[5]))
	require.Equal(t, check.Report{Version: "007_end.sql", Outcome: check.Reversible}, reports[6])
}

// objects are the names of what differs.
func objects(r check.Report) []string {
	var names []string
	for _, d := range r.Differences {
		names = append(names, d.Object)
	}
	return names
}

func TestTheSecondUpHasToDoWhatTheFirstDid(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	reports := downs(
		t, "001_log.sql", "create table log (a int)",
		"002_once.sql", "do $$begin if not exists (select from log) then create table extra (a int); insert into log values (1); end if; end$$",
		"002_once.down.sql", "drop table extra",
	)
	require.Equal(t, check.Wrong, reports[1].Outcome)
	require.Equal(t, check.StepUpAgain, reports[1].Step)
	require.Equal(t, check.Difference{Object: "table public.extra", Before: "create table public.extra using heap"}, reports[1].Differences[0])
}

func TestAnUpThatChangesNothingIsTakenBackByAnEmptyDown(t *testing.T) {
	t.Parallel()
	reports := downs(t, "001_rows.sql", "select 1", "001_rows.down.sql", "-- nothing to take back")
	require.Equal(t, check.Reversible, reports[0].Outcome)
}

func TestADownThatTakesTheHistoryAlongFails(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	reports := downs(
		t, "001_users.sql", "create table users (id int)", "001_users.down.sql", "drop schema public cascade",
		"002_teams.sql", "create table teams (id int)", "002_teams.down.sql", "drop table teams",
	)
	require.Equal(t, check.Failed, reports[0].Outcome)
	require.Error(t, reports[0].Err)
	require.Equal(t, check.Reversible, reports[1].Outcome)
}

func TestADownThatIsRefusedFails(t *testing.T) {
	t.Parallel()
	reports := downs(t, "001_users.sql", "create table users (id int)", "001_users.down.sql", "drop table users;\nrollback;")
	require.Equal(t, check.Failed, reports[0].Outcome)
	var refused *migrator.FileError
	require.ErrorAs(t, reports[0].Err, &refused)
	require.Equal(t, 2, refused.Line)
}

func TestNoTransactionFilesAreTried(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	const header = "-- migrator: no-transaction\n"
	reports := downs(
		t, "001_users.sql", "create table users (id int)",
		"002_index.sql", header+"create index concurrently users_id on users (id);", "002_index.down.sql", header+"drop index concurrently users_id;",
		"003_index.sql", header+"create index concurrently users_id2 on users (id);\nalter table users add a int;", "003_index.down.sql", header+"drop index concurrently users_id2;\nalter table users drop b;",
		"004_index.sql", header+"create index concurrently users_id3 on users (id);", "004_index.down.sql", header+"drop index concurrently if exists users_id33;",
	)
	require.Equal(t, check.Report{Version: "002_index.sql", Outcome: check.Reversible}, reports[1])
	require.Equal(t, check.Failed, reports[2].Outcome)
	require.ErrorContains(t, reports[2].Err, "003_index.down.sql:3:1:")
	require.Equal(t, []string{"index public.users_id3"}, objects(reports[3]))
}

func TestColumnsThatComeBackElsewhereAreInAnotherOrder(t *testing.T) {
	t.Parallel()
	reports := downs(
		t, "001_users.sql", "create table users (a int, b int, gone int, c int); alter table users drop gone",
		"002_drop.sql", "alter table users drop b", "002_drop.down.sql", "alter table users add b int",
	)
	require.Equal(t, []check.Difference{{Object: "order of columns of table public.users", Before: "a, b, c", After: "a, c, b"}}, reports[1].Differences)
}

func TestPartsAreNotToldBesideTheirWhole(t *testing.T) {
	t.Parallel()
	reports := downs(
		t, "001_users.sql", "create table users (id serial primary key, boss int references users); create index users_boss on users (boss); comment on table users is 'x'; comment on column users.boss is 'y'",
		"001_users.down.sql", "",
	)
	require.Equal(t, []string{"table public.users"}, objects(reports[0]))
}

func TestTheFirstFailureOfAnUpEndsTheCheck(t *testing.T) {
	t.Parallel()
	var seen []check.Report
	reports, err := check.Downs(t.Context(), dbtest.Config(t, migratortest.Database(t)), load(
		t, "001_users.sql", "create table users (id int)", "001_users.down.sql", "drop table users", "002_bad.sql", "create table users (id int)", "003_never.sql", "select 1",
	), check.Options{Observe: func(r check.Report) { seen = append(seen, r) }})
	var failed *migrator.MigrationError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, migrator.Version("002_bad.sql"), failed.Version)
	require.Equal(t, []check.Report{{Version: "001_users.sql", Outcome: check.Reversible}}, reports)
	require.Equal(t, reports, seen)
}

func TestRepeatableMigrationsAreLeftOut(t *testing.T) {
	t.Parallel()
	migrations := load(t, "002_b.sql", "create table b (a int)", "001_a.sql", "create table a (a int)")
	migrations = append([]migrator.Migration{{Version: "R_view.sql", Up: migrator.Script{Path: "R_view.sql", SQL: "no sql"}}, migrations[1]}, migrations[0])
	reports, err := check.Downs(t.Context(), dbtest.Config(t, migratortest.Database(t)), migrations, check.Options{})
	require.NoError(t, err)
	require.Equal(t, []check.Report{{Version: "001_a.sql", Outcome: check.Irreversible}, {Version: "002_b.sql", Outcome: check.Irreversible}}, reports)
}

func TestTheHistoryMayBeElsewhere(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	for _, c := range []struct{ name, table, path string }{
		{"in a schema that is named", "app.history", "public"},
		{"under another name", "history", "public"},
		{"in a schema that the search path names and nothing has made", "", `"$user", "my app"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := dbtest.Config(t, migratortest.Database(t))
			config.RuntimeParams["search_path"] = c.path
			reports, err := check.Downs(t.Context(), config, load(
				t, "001_users.sql", "create table users (id int)", "001_users.down.sql", "drop table users",
			), check.Options{Config: migrator.Config{Table: c.table}})
			require.NoError(t, err)
			require.Equal(t, []check.Report{{Version: "001_users.sql", Outcome: check.Reversible}}, reports)
		})
	}
}

func TestARoleThatMayNotMakeDatabasesIsToldWhatToDo(t *testing.T) {
	t.Parallel()
	config := dbtest.Config(t, migratortest.Database(t))
	role := "check_" + config.Database
	admin := connect(t, config)
	_, err := admin.Exec(t.Context(), "create role "+role+" login password 'x'")
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42501" { // insufficient privilege
		t.Skip("needs a role that may make roles:", err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = admin.Exec(context.Background(), "drop role "+role) })
	limited := config.Copy()
	limited.User, limited.Password = role, "x"
	_, err = check.Downs(t.Context(), limited, load(t, "001_users.sql", "select 1"), check.Options{})
	require.ErrorAs(t, err, &pg)
	require.ErrorContains(t, err, `HINT: let the role make databases: alter role "`+role+`" createdb`)

	_, err = admin.Exec(t.Context(), "alter role "+role+" createdb")
	require.NoError(t, err)
	reports, err := check.Downs(t.Context(), limited, load(t, "001_users.sql", "create table users (id int)", "001_users.down.sql", "drop table users"), check.Options{})
	require.NoError(t, err)
	require.Equal(t, check.Reversible, reports[0].Outcome)
}

func TestAConnectionIsNeeded(t *testing.T) {
	t.Parallel()
	_, err := check.Downs(t.Context(), nil, nil, check.Options{})
	require.ErrorContains(t, err, "no connection configuration")
}

func TestTheHookBeforeConnectIsAskedAndCannotLeadElsewhere(t *testing.T) {
	t.Parallel()
	config := dbtest.Config(t, migratortest.Database(t))
	asked := false
	_, err := check.Downs(t.Context(), config, load(t, "001_users.sql", "create table users (id int)"), check.Options{Config: migrator.Config{
		BeforeConnect: func(_ context.Context, c *pgx.ConnConfig) error {
			asked = true
			c.Database = config.Database
			return nil
		},
	}})
	require.NoError(t, err)
	require.True(t, asked)
	require.Empty(t, tables(t, config))

	refusal := errors.New("no token")
	_, err = check.Downs(t.Context(), config, nil, check.Options{Config: migrator.Config{BeforeConnect: func(context.Context, *pgx.ConnConfig) error { return refusal }}})
	require.ErrorIs(t, err, refusal)
}
