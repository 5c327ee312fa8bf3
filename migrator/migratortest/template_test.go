package migratortest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
)

func TestATemplateIsMadeOnceThoughProcessesAskAtOnce(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	name := unique()
	dropTemplate(t, waitingFiles(name))
	var told []string
	for _, out := range children(t, 4, onServer(serverURL(t), waitsFor+"="+name)...) {
		told = append(told, templatesOf(out)...)
	}
	require.Len(t, told, 4*5)
	requireClone(t, New(t, waitingFiles(name)))
	for _, template := range told {
		require.Equal(t, "template "+templateOID(t, waitingFiles(name)), template)
	}
}

func TestATemplateWhoseMakerWasKilledIsMadeAnew(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	conn := dbtest.Connect(t, serverURL(t))
	name := unique()
	dropTemplate(t, waitingFiles(name))
	dbtest.Exec(t, conn, "create database "+name+" template template0")
	maker := childCommand(t, "TestChildClones", onServer(serverURL(t), waitsFor+"="+name)...)
	require.NoError(t, maker.Start())
	template := templateName(t, waitingFiles(name))
	require.Eventually(t, func() bool {
		return ask(t, conn, "select count(*)::text from pg_stat_activity where wait_event = 'PgSleep' and datname = $1", template) == "1"
	}, time.Minute, 10*time.Millisecond)
	require.NoError(t, maker.Process.Kill())
	require.Error(t, maker.Wait())
	dbtest.Exec(t, conn, "drop database "+name)

	half := ask(t, conn, "select oid::text from pg_database where datname = $1 and not datistemplate", template)
	requireClone(t, New(t, waitingFiles(name)))
	require.NotEqual(t, half, templateOID(t, waitingFiles(name)))
}

func TestAChangedFileMakesAnotherTemplate(t *testing.T) {
	t.Parallel()
	table := "create table " + unique() + " ();\n"
	first, second := dbtest.Files("001_a.sql", table), dbtest.Files("001_a.sql", table+"create table more ();\n")
	renamed := dbtest.Files("001_b.sql", table)
	down := dbtest.Files("001_a.sql", table, "001_a.down.sql", "select 1")
	names := map[string]bool{}
	for _, fsys := range []fstest.MapFS{first, second, renamed} {
		dropTemplate(t, fsys)
		names[templateName(t, fsys)] = true
	}
	require.Len(t, names, 3)
	require.Equal(t, templateName(t, first), templateName(t, down), "a down file leaves no trace in the database")
	require.Equal(t, "1", ask(t, New(t, first), "select count(*)::text from pg_tables where schemaname = 'public' and tablename <> 'schema_migrations'"))
	require.Equal(t, "2", ask(t, New(t, second), "select count(*)::text from pg_tables where schemaname = 'public' and tablename <> 'schema_migrations'"))
}

func TestAMigrationThatFailsIsToldToEveryTestAndRunsOnce(t *testing.T) {
	t.Parallel()
	fsys := dbtest.Files("001_a.sql", "create table a ();\n", "002_b.sql", "select 1;\n\nselect "+unique()+";\n")
	said := fatal(t, fsys)
	require.Contains(t, said, "make a template: 002_b.sql:3:8: column ")
	require.Contains(t, said, "rolled back; nothing of this file was applied")
	require.Equal(t, said, fatal(t, fsys))

	migrations, err := migrator.Load(fsys)
	require.NoError(t, err)
	name, first := shared.server.template(t.Context(), migrations)
	_, second := shared.server.template(t.Context(), migrations)
	var located *migrator.MigrationError
	require.ErrorAs(t, first, &located)
	require.Same(t, first, second)
	require.Equal(t, "0", ask(t, dbtest.Connect(t, serverURL(t)), "select count(*)::text from pg_database where datname = $1", name))
}

func TestNothingButTheTemplateIsLeftOnAServer(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]string{"with Main": withoutMain + "=", "without Main": withoutMain + "=1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := dbtest.Connect(t, serverURL(t))
			role := "role_" + unique()
			_, err := conn.Exec(t.Context(), "create role "+role+" createdb login password 'secretword'")
			var denied *pgconn.PgError
			if errors.As(err, &denied) && denied.Code == "42501" {
				return // the role of a server that was given need not be able to do this
			}
			require.NoError(t, err)
			t.Cleanup(func() { dbtest.Exec(t, conn, "drop role "+role) })
			as, err := url.Parse(serverURL(t))
			require.NoError(t, err)
			as.User = url.UserPassword(role, "secretword")

			told := templatesOf(children(t, 1, onServer(as.String(), waitsFor+"="+unique(), env)...)[0])
			require.Len(t, told, 5)
			require.Equal(t, told[0], "template "+ask(t, conn, "select string_agg(oid::text, ',') from pg_database where datdba = $1::regrole", role))
			template := ask(t, conn, "select datname from pg_database where datdba = $1::regrole", role)
			require.Contains(t, template, "migrator_template_")
			dbtest.Exec(t, conn, "alter database "+template+" is_template false")
			dbtest.Exec(t, conn, "drop database "+template)
		})
	}
}

// waitingFiles take a while, and for ever as long as there is a database of this name.
func waitingFiles(name string) fstest.MapFS {
	return dbtest.Files(
		"001_ledger.sql", "create table ledger (file int);\ninsert into ledger values (1);\n",
		"002_wait.sql", fmt.Sprintf("select pg_sleep(case when exists (select from pg_database where datname = '%s') then 600 else 0.2 end);\n", name),
		"003_last.sql", "insert into ledger values (3);\n",
	)
}

// requireClone looks for what waitingFiles make.
func requireClone(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	require.Equal(t, "1,3", ask(t, conn, "select string_agg(file::text, ',' order by file) from ledger"))
	require.Equal(t, "3", ask(t, conn, "select count(*)::text from schema_migrations"))
}

func unique() string { return "t" + strings.ToLower(rand.Text()[:12]) }

// serverURL is that of the server which tests share.
func serverURL(tb testing.TB) string {
	tb.Helper()
	s, err := get(tb.Context())
	require.NoError(tb, err)
	return s.url
}

func templateName(t *testing.T, fsys fstest.MapFS) string {
	t.Helper()
	migrations, err := migrator.Load(fsys)
	require.NoError(t, err)
	_ = serverURL(t)
	key, err := shared.server.templateKey(migrations)
	require.NoError(t, err)
	return templateOf(key)
}

func templateOID(t *testing.T, fsys fstest.MapFS) string {
	t.Helper()
	return ask(t, dbtest.Connect(t, serverURL(t)), "select oid::text from pg_database where datname = $1 and datistemplate and not datallowconn", templateName(t, fsys))
}

// dropTemplate leaves a server that was given as it was.
func dropTemplate(t *testing.T, fsys fstest.MapFS) {
	t.Helper()
	name := templateName(t, fsys)
	t.Cleanup(func() {
		conn := dbtest.Connect(t, serverURL(t))
		_, _ = conn.Exec(context.Background(), "alter database "+name+" is_template false")
		dbtest.Exec(t, conn, "drop database if exists "+name)
	})
}

func ask(t *testing.T, conn *pgx.Conn, sql string, args ...any) (answer string) {
	t.Helper()
	err := conn.QueryRow(context.Background(), sql, append([]any{pgx.QueryExecModeSimpleProtocol}, args...)...).Scan(&answer)
	require.NoError(t, err)
	return answer
}
