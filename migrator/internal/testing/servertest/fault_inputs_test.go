package servertest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// An input is a folder that may be bad; each has a good file before.
type input struct {
	name  string
	files fstest.MapFS
	want  string // what the table out holds afterwards, or what the error says
}

// apply runs the files as a directory on disk, with a good one before them.
func (i input) apply(t *testing.T, url string, config migrator.Config) ([]migrator.Result, error) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, i.files))
	require.NoError(t, os.CopyFS(dir, files("001_good.sql", "create table out (v text);\n")))
	return applyFolder(t, url, dir, config)
}

// applyFolder does what a program does: it runs what a directory holds, unless that cannot be understood.
func applyFolder(t *testing.T, url, dir string, config migrator.Config) ([]migrator.Result, error) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, root.Close()) })
	return applyFS(t, url, root.FS(), config)
}

func applyFS(t *testing.T, url string, fsys fs.FS, config migrator.Config) ([]migrator.Result, error) {
	t.Helper()
	migrations, err := migrator.Load(fsys)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	return migrator.New(conn, migrations, config).Run(patience(t), migrator.Up())
}

// one is a folder with a file of that text.
func one(sql string) fstest.MapFS { return files("002_x.sql", sql) }

// relations are all that a database contains, and its history where it has one.
func relations(t *testing.T, url string) []string {
	t.Helper()
	all := query(t, url, "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind <> 'i' order by 1")
	for _, name := range all {
		if name == "schema_migrations" {
			all = append(all, query(t, url, "select version from schema_migrations order by 1")...)
		}
	}
	return all
}

func TestAnOddFileIsAppliedAsItIsMeant(t *testing.T) {
	t.Parallel()
	const insert = "insert into out values ('a');"
	long := strings.Repeat("é", 2_500_000)
	for _, test := range []input{
		{"empty", one(""), ""},
		{"only space", one(" \n\t\r\n"), ""},
		{"only semicolons", one(";;\n;"), ""},
		{"only comments", one("-- a\n/* b; /* c */ ; */"), ""},
		{"only a comment without an end of line", one("-- drop table out;"), ""},
		{"a byte order mark", one("\ufeff" + insert), "a"},
		{"only a byte order mark", one("\ufeff"), ""},
		{"line ends of Windows", one("insert into out -- comment\r\nvalues ('a\r\nb');\r\n"), "a\nb"},
		{"line ends of an old Macintosh", one("insert into out\rvalues ('a');\r"), "a"},
		{"5 MB in one statement", one("insert into out values (md5('" + long + "'));"), "md5"},
		{"5 MB in many statements", one(strings.Repeat("select 1;", 550_000) + insert), "a"},
		{"no last semicolon", one("insert into out values ('a')"), "a"},
		{"a comment as the last line", one(insert + "\n-- done"), "a"},
		{"a comment in place of the last semicolon", one("insert into out values ('a') -- done"), "a"},
		{"an open-ended block comment's end as the last byte", one(insert + "/**/"), "a"},
		{"its own transaction around everything", one("begin;\n" + insert + "\ncommit;\n"), "a"},
		{"a savepoint", one("savepoint s; insert into out values ('b'); rollback to s; " + insert), "a"},
		{"what other tools would replace", one("insert into out values ('{{.Name}} ${x} :name $1 % ? \\');"), `{{.Name}} ${x} :name $1 % ? \`},
		{"quotes of every kind", one(`insert into out values (E'\'' || '''' || $$'$$ || $é$"$é$ || U&'\0061');`), `'''"a`},
		{"semicolons in a body", one("create function f() returns text language sql begin atomic select 'x'; select 'a'; end; insert into out values (f());"), "a"},
		{"a COPY that needs no client", one("copy (select 1) to stdout; " + insert), "a"},
		{"text beyond the basic plane", one("insert into out values ('🐘漢字');"), "🐘漢字"},
		{"two with one number", files("002_b.sql", "insert into out values ('b');", "002_a.sql", insert), "a,b"},
		{"a name of many letters", files("002_größe & Gewicht (neu)'s.sql", insert), "a"},
		{"a number of twenty digits", files("20240102030405060708_x.sql", insert), "a"},
		{"a file that is no migration", files("x.sql", "nonsense", "notes.txt", "nonsense", "sub/002_x.sql", "nonsense"), "none"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.name == "5 MB in one statement" {
				test.want = query(t, newDatabase(t), "select md5(repeat('é', 2500000))")[0]
			}
			url := newDatabase(t)
			applied := 1 + len(test.files)
			if test.want == "none" {
				applied, test.want = 1, ""
			}
			results, err := test.apply(t, url, migrator.Config{})
			require.NoError(t, err)
			require.Len(t, results, applied)
			require.Equal(t, []string{test.want}, query(t, url, "select coalesce(string_agg(v, ',' order by v), '') from out"))
			results, err = test.apply(t, url, migrator.Config{})
			require.NoError(t, err)
			require.Empty(t, results, "the history knows it")
		})
	}
}

// broken cannot be read.
type broken struct {
	fstest.MapFS
	name string
}

func (b broken) Open(name string) (fs.File, error) {
	if name == b.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("input/output error")}
	}
	return b.MapFS.Open(name)
}

func (b broken) ReadFile(name string) ([]byte, error) {
	return fs.ReadFile(struct{ fs.FS }{b}, name)
}

func TestABadFileIsRefusedBeforeAnythingRuns(t *testing.T) {
	t.Parallel()
	const remove = "HINT: delete it; to undo a part of the file use SAVEPOINT and ROLLBACK TO"
	tests := []input{
		{"a NUL byte", one("select 1;\nselect 'é\x00';\n"), "002_x.sql:2:10: holds a NUL byte\n~HINT: save it as UTF-8"},
		{"invalid UTF-8", one("select 'é';\nselect 'caf\xe9';\n"), "002_x.sql:2:12: is not valid UTF-8\n~HINT: save it as UTF-8"},
		{"UTF-16", one("\xff\xfes\x00e\x00"), "002_x.sql:1:4: holds a NUL byte\n~HINT: save it as UTF-8"},
		{"its own COMMIT, then an error", one("insert into out values ('é'); commit;\nselect 1/0;\n"), "002_x.sql:1:31: COMMIT controls the transaction~" + remove},
		{"its own ROLLBACK", one("insert into out values ('a');\n/* é */ rollback;\n"), "002_x.sql:2:9: ROLLBACK controls the transaction~" + remove},
		{"two transactions", one("begin;\nselect 1;\ncommit;\nbegin;\nselect 2;\ncommit;\n"), "002_x.sql:3:1: COMMIT controls the transaction~" + remove},
		{"a two-phase commit", one("prepare transaction 'x';"), "002_x.sql:1:1: PREPARE TRANSACTION controls the transaction~" + remove},
		{"what cannot run in a transaction", one("vacuum;"), "002_x.sql:1:1: cannot run inside a transaction~HINT: "},
		{"a file of psql", one("select 'é'; \\i other.sql\n"), "002_x.sql:1:13: \\i is a command of psql and not SQL: take it out"},
		{"a variable of psql", one("\\set x 1\n"), "002_x.sql:1:1: \\set is a command of psql and not SQL: take it out"},
		{"a copy of psql", one("\n  \\copy out from 'x.csv'\n"), "002_x.sql:2:3: \\copy is a command of psql and not SQL: take it out"},
		{"COPY FROM STDIN", one("copy out from stdin;\nit's\n\\.\n"), "002_x.sql:1:1: COPY … FROM STDIN reads its rows from the client~HINT: write the rows as INSERT statements"},
		{"an open quote", one("select 'é';\nselect 'it's';\n"), "002_x.sql:2:13: unterminated quoted string (a quote inside it is written twice: '')"},
		{"an open dollar quote", one("do $é$ begin end $e$;\n"), "002_x.sql:1:4: unterminated dollar-quoted string"},
		{"an open comment", one("select 1; /* /* */\n"), "002_x.sql:1:11: unterminated comment"},
		{"a duplicate", files("002_x.sql", "select 1;", "002_x.up.sql", "select 1;"), "002_x.up.sql: the same migration as 002_x.sql\nHINT: keep one of the two files"},
		{"no name", files("002.sql", "select 1;"), "002.sql: is not named NNN_name.sql\nHINT: rename it to 002_name.sql"},
		{"a dash in place of the underscore", files("002-x.sql", "select 1;"), "002-x.sql: is not named NNN_name.sql\nHINT: rename it to "},
		{"a suffix in capitals", files("002_x.SQL", "select 1;"), "002_x.SQL: the suffix is not .sql\nHINT: rename it to 002_x.sql"},
		{"a directory", files("002_x.sql/inside", "select 1;"), "002_x.sql: is a directory\nHINT: give it a name that does not end in .sql"},
		{"a down file alone", files("002_x.down.sql", "select 1;"), "002_x.down.sql: there is no 002_x.sql that it would revert\nHINT: rename one of the two, or delete this one"},
		{"a directive that is none", one("-- migrator: no-transacton\nselect 1;\n"), "002_x.sql:1:1: unknown directive \"no-transacton\": want no-transaction, "},
		{"a file of goose", one("-- +goose Up\nselect 1;\n-- +goose Down\nselect 2;\n"), "002_x.sql:3:1: is written for goose~HINT: put the down half into 002_x.down.sql"},
		{"another encoding", one("set client_encoding = 'LATIN1';\nselect 'é';\n"), "002_x.sql:1:1: changes the encoding in which the file is read~HINT: delete it and save the file as UTF-8"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			results, err := test.apply(t, url, migrator.Config{})
			requireFileError(t, err, test.want)
			require.Empty(t, results)
			require.Empty(t, relations(t, url), "the good file has not run either")
		})
	}
	t.Run("all of them, where something is applied already", func(t *testing.T) {
		t.Parallel()
		url := newDatabase(t)
		_, err := input{}.apply(t, url, migrator.Config{})
		require.NoError(t, err)
		for _, test := range tests {
			test.files["003_good.sql"] = &fstest.MapFile{Data: []byte("create table late ();")}
			_, err := test.apply(t, url, migrator.Config{})
			requireFileError(t, err, test.want)
			require.Equal(t, []string{"out", "schema_migrations", "001_good.sql"}, relations(t, url), test.name)
		}
	})
	t.Run("unreadable", func(t *testing.T) {
		t.Parallel()
		url := newDatabase(t)
		fsys := files("001_good.sql", "create table out ();\n", "002_x.sql", "select 1;\n", "003_good.sql", "select 1;\n")
		_, err := applyFS(t, url, broken{fsys, "002_x.sql"}, migrator.Config{})
		requireFileError(t, err, "002_x.sql: cannot be read: open 002_x.sql: input/output error")
		require.Empty(t, relations(t, url))
	})
}

// requireFileError requires that a file was refused with a text; ~ stands for anything.
func requireFileError(t *testing.T, err error, want string) {
	t.Helper()
	var refused *migrator.FileError
	require.ErrorAs(t, err, &refused)
	head, rest, _ := strings.Cut(want, "~")
	require.True(t, strings.HasPrefix(err.Error(), head), "%s", err)
	require.Contains(t, err.Error(), rest)
}

// TestAStatementThatFailsNamesItsPlaceInCharacters: it is found by the server, and the file is rolled back whole.
func TestAStatementThatFailsNamesItsPlaceInCharacters(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 2_500_000)
	for _, test := range []input{
		{"a syntax error", one("insert into out values ('a');\nselect 'éü' fro out x;\n"), "002_x.sql:2:17: syntax error at or near \"out\""},
		{"a syntax error after CRLF and a byte order mark", one("\ufeffselect 'é';\r\nselect 'é' fro out x;\r\n"), "002_x.sql:2:16: syntax error at or near \"out\""},
		{"an error at run time", one("insert into out values ('é');\n/* é */ select 1/0;\n"), "002_x.sql:2:9: division by zero"},
		{"a unique violation", one("create unique index on out (v);\ninsert into out values ('é'), ('é');\n"), "002_x.sql:2:1: duplicate key value violates unique constraint \"out_v_idx\" (SQLSTATE 23505)"},
		{"an error in a body", one("select 1;\ndo $$ begin\n perform 'é', nothing; end $$;\n"), "002_x.sql:2:1: column \"nothing\" does not exist"},
		{"an error that a body raises", one("select '🐘'; do $$ begin raise exception 'é'; end $$;\n"), "002_x.sql:1:13: é (SQLSTATE P0001)"},
		{"a COMMIT in a body", one("insert into out values ('a');\ndo $$ begin commit; end $$;\n"), "002_x.sql:2:1: invalid transaction termination (SQLSTATE 2D000)"},
		{"a procedure that commits", one("create procedure p() language plpgsql as 'begin commit; end';\ncall p();\n"), "002_x.sql:2:1: invalid transaction termination (SQLSTATE 2D000)"},
		{"an error after 5 MB on its line", one("select '" + long + "', nothing;"), fmt.Sprintf("002_x.sql:1:%d: column \"nothing\" does not exist", 12+2_500_000)},
		{"an error after many statements", one(strings.Repeat("select 'é';\n", 10_000) + "select nothing;"), "002_x.sql:10001:8: column \"nothing\" does not exist"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, mode := range modes {
				url := newDatabase(t)
				_, err := input{}.apply(t, url, mode.config)
				require.NoError(t, err)
				results, err := test.apply(t, url, mode.config)
				var failed *migrator.MigrationError
				require.ErrorAs(t, err, &failed)
				require.True(t, strings.HasPrefix(err.Error(), test.want), "%.300s", err)
				require.ErrorContains(t, err, "STATE: rolled back; nothing of this file was applied")
				require.Less(t, len(err.Error()), 2000, "it is for a person")
				require.Empty(t, results)
				require.Equal(t, []string{"out", "schema_migrations", "001_good.sql"}, relations(t, url))
				require.Equal(t, []string{"0"}, query(t, url, "select count(*)::text from out"))
			}
		})
	}
}
