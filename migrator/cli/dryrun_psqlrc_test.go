package cli_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

// What a printed script does must not depend on the database's settings, nor on the psqlrc of whoever runs it.
func TestDryRunStoresWhatARunStoresWhateverDatabaseAndPsqlrcSay(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	psql := findPsql(t)
	psqlrc := filepath.Join(t.TempDir(), "psqlrc")
	require.NoError(t, os.WriteFile(psqlrc, []byte(`\set AUTOCOMMIT off
\set ON_ERROR_ROLLBACK on
\set FETCH_COUNT 1
\encoding LATIN1
set search_path = pg_temp;
create table left_open ();
`), 0o600))
	const down = `delete from notes where note in ('of 1\n', 'C:\', E'tab\t', 'é\');` + "\n"
	files := fstest.MapFS{
		"001_notes.sql":        {Data: []byte("create table notes (note text);\ninsert into notes values ('of 1\\n'), ('C:\\'), (E'tab\\t');\nselect 1 as one into copied;\n")},
		"001_notes.down.sql":   {Data: []byte("drop table notes, copied;\n")},
		"002_reset.sql":        {Data: []byte("create table r ();\nRESET ALL; -- it's taken back\ninsert into notes values ('é\\');\nreset all;insert into notes values ('\\x')")},
		"002_reset.down.sql":   {Data: []byte("reset all;\n" + down)},
		"003_outside.sql":      {Data: []byte("-- migrator: no-transaction\nset search_path = public;\ninsert into notes values ('of 3\\');\nreset all;\ncreate index concurrently notes_note on notes (note) where note <> '\\';\ninsert into notes values ('3\\n');\nvacuum notes")},
		`004_a\'b.sql`:         {Data: []byte("insert into notes values ('4\\n')")},
		"003_outside.down.sql": {Data: []byte("-- migrator: no-transaction\nreset all;\ndrop index concurrently notes_note;\ninsert into notes values ('down\\');\n")},
		`004_a\'b.down.sql`:    {Data: []byte("delete from notes where note = '4\\n';\n")},
		"005_hidden.sql": {Data: []byte(`do $x$ begin execute 'reset all'; end $x$; insert into notes values ('5\n é');
select set_config('standard_conforming_strings', 'off', false), set_config('client_encoding', 'LATIN1', false);
savepoint a; insert into notes values ('5\t'); rollback to a; -- …
insert into notes values ('5\v ü')`)},
		"005_hidden.down.sql":  {Data: []byte("do $x$ begin execute 'reset all'; end $x$; insert into notes values (U&'5' || ' d')\n")},
		"006_outside.sql":      {Data: []byte("-- migrator: no-transaction\nselect set_config('standard_conforming_strings', 'off', false);\ninsert into notes values ('6\\n');\n")},
		"006_outside.down.sql": {Data: []byte("-- migrator: no-transaction\ndo $$ begin execute 'reset all'; end $$;\ninsert into notes values ('6\\nü');\n")},
	}
	applied, piped := quoting(t), quoting(t)
	for _, args := range [][]string{{"up", "--to", "2"}, {"up"}, {"down", "5", "--yes"}, {"mark", "applied", "2", "3"}} {
		_, err := migrate(t, files, append(args, "--database-url", applied)...)
		require.NoError(t, err)
		script, err := migrate(t, files, append(args, "--dry-run", "--database-url", piped)...)
		require.NoError(t, err)
		out, err := pipe(psql, piped, psqlrc, script)
		require.NoError(t, err, out)
		require.Equal(t, notes(t, applied), notes(t, piped), args)
		require.Equal(t, catalog(t, applied), catalog(t, piped), args)
	}
}

// quoting is a database in which backslashes are escapes, and of which clients read LATIN1.
func quoting(t *testing.T) string {
	t.Helper()
	url := migratortest.Database(t)
	dbtest.Execute(t, url, `do $$ begin execute format('alter database %I set standard_conforming_strings = off', current_database());
		execute format('alter database %I set client_encoding = LATIN1', current_database()); end $$`)
	return url
}

func pipe(psql, url, psqlrc, script string) (output string, err error) {
	cmd := exec.Command(psql, "--quiet", "--dbname", url)
	cmd.Env = append(os.Environ(), "PGOPTIONS=", "PSQLRC="+psqlrc)
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func notes(t *testing.T, url string) []string {
	t.Helper()
	conn := dbtest.Connect(t, url)
	defer conn.Close(context.Background())
	dbtest.Exec(t, conn, "set client_encoding = UTF8")
	rows, err := conn.Query(t.Context(), "select note from notes union all select version from schema_migrations order by 1")
	require.NoError(t, err)
	notes, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return notes
}
