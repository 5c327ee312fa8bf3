package cli_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	agentshaker "github.com/agent-shaker/agent-shaker"
	"github.com/agent-shaker/agent-shaker/migrator/cli"
	"github.com/agent-shaker/agent-shaker/migrator/devpg"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

func TestDryRunPipedIntoPsqlDoesWhatUpDoes(t *testing.T) {
	t.Parallel()
	psql := findPsql(t)
	applied, piped := migratortest.Database(t), migratortest.Database(t)

	_, err := migrate(t, agentshaker.Migrations(), "up", "--database-url", applied)
	require.NoError(t, err)
	script, err := migrate(t, agentshaker.Migrations(), "up", "--dry-run", "--database-url", piped)
	require.NoError(t, err)
	require.Empty(t, catalog(t, piped), "a dry run changes nothing")

	out, err := runPsql(psql, piped, script)
	require.NoError(t, err, out)
	require.Equal(t, catalog(t, applied), catalog(t, piped))
}

func TestDryRunPipedIntoPsqlStopsAtAFailureAsUpDoes(t *testing.T) {
	t.Parallel()
	psql := findPsql(t)
	applied, piped := migratortest.Database(t), migratortest.Database(t)
	files := fstest.MapFS{
		"001_first.sql": {Data: []byte(`create table first (tags text[], host int);
insert into first values ('{":HOST"}', 1);
select tags[1:host] from first -- :USER, and no semicolon at the end`)},
		"002_second.sql": {Data: []byte("create table second (id int);\nselect 1/0;\n")},
		"003_third.sql":  {Data: []byte("create table third (id int);\n")},
	}
	script, err := migrate(t, files, "up", "--dry-run", "--database-url", piped)
	require.NoError(t, err)
	_, err = migrate(t, files, "up", "--database-url", applied)
	require.ErrorContains(t, err, "002_second.sql:2:1: division by zero")

	out, err := runPsql(psql, piped, script, "-v", "host=999")
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 3, exit.ExitCode(), "psql ends with 3 for an error in a script")
	require.Contains(t, out, "division by zero")
	state := catalog(t, applied)
	require.Contains(t, state, "001_first.sql")
	require.Equal(t, state, catalog(t, piped))
}

// migrate runs the command in this process.
func migrate(t *testing.T, files fs.FS, args ...string) (stdout string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	command := cli.Command(files)
	command.SetArgs(args)
	command.SetOut(&out)
	command.SetErr(&errs)
	err = command.ExecuteContext(t.Context())
	return out.String(), err
}

func findPsql(t *testing.T) string {
	t.Helper()
	if psql, err := exec.LookPath("psql"); err == nil {
		return psql
	}
	bin, err := devpg.Find()
	require.NoError(t, err, "this test needs psql: install the postgresql client")
	psql := filepath.Join(bin, "psql")
	require.FileExists(t, psql)
	return psql
}

func runPsql(psql, url, script string, args ...string) (output string, err error) {
	cmd := exec.Command(psql, append([]string{"--no-psqlrc", "--quiet", "--dbname", url}, args...)...)
	cmd.Env = append(os.Environ(), "PGOPTIONS=")
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// catalog is what a migration may change, as text: columns, constraints, indexes, the history, the number of rows.
func catalog(t *testing.T, url string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	var history bool
	require.NoError(t, conn.QueryRow(t.Context(), "select to_regclass('schema_migrations') is not null").Scan(&history))
	query := `
select concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default) from information_schema.columns where table_schema = 'public'
union all select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint where connamespace = 'public'::regnamespace
union all select indexdef from pg_indexes where schemaname = 'public'
union all select relname || ' rows ' || (xpath('/row/n/text()', query_to_xml('select count(*) as n from ' || oid::regclass, false, true, '')))[1]::text from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`
	if history {
		query += "\nunion all select version || ' ' || checksum from schema_migrations"
	}
	rows, err := conn.Query(t.Context(), query+"\norder by 1")
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return strings.Join(lines, "\n")
}
