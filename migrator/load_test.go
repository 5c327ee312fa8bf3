package migrator

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// folder makes a file system of names and texts in turn.
func folder(namesAndTexts ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i < len(namesAndTexts); i += 2 {
		fsys[namesAndTexts[i]] = &fstest.MapFile{Data: []byte(namesAndTexts[i+1])}
	}
	return fsys
}

// loaded is Load of a folder that has no problem.
func loaded(tb testing.TB, namesAndTexts ...string) []Migration {
	tb.Helper()
	migrations, err := Load(folder(namesAndTexts...))
	require.NoError(tb, err)
	return migrations
}

// problems takes a joined error apart; each part is a *FileError.
func problems(tb testing.TB, err error) (texts []string) {
	tb.Helper()
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(tb, ok, "%T: %v", err, err)
	for _, problem := range joined.Unwrap() {
		var file *FileError
		require.ErrorAs(tb, problem, &file)
		texts = append(texts, problem.Error())
	}
	return texts
}

func TestLoadReadsEachMigrationInOrderWithItsDownFile(t *testing.T) {
	t.Parallel()
	migrations := loaded(t,
		"10_last.sql", "select 10",
		"2_second.up.sql", "select 2", "2_second.down.sql", "select -2",
		"1_first.sql", "select 1", "1_first.down.sql", "",
		"2_another.sql", "-- nothing",
		"README.md", "no SQL", "helper.sql", "no migration", "sub/3_sub.sql", "left alone",
	)
	script := func(path, sql string) Script {
		return Script{Path: path, SQL: sql, Checksum: checksum(sql), Mode: Transactional}
	}
	down := func(path, sql string) *Script { s := script(path, sql); return &s }
	require.Equal(t, []Migration{
		{Version: "1_first.sql", Up: script("1_first.sql", "select 1"), Down: down("1_first.down.sql", "")}, // empty is not missing
		{Version: "2_another.sql", Up: script("2_another.sql", "-- nothing")},
		{Version: "2_second.up.sql", Up: script("2_second.up.sql", "select 2"), Down: down("2_second.down.sql", "select -2")},
		{Version: "10_last.sql", Up: script("10_last.sql", "select 10")},
	}, migrations)
}

func TestAFolderThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	missing := os.DirFS(filepath.Join(t.TempDir(), "missing"))
	_, err := Load(missing)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "read migrations: ")
	_, err = Skipped(missing)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestLoadReadsADirectoryAsItReadsAnEmbeddedFolder(t *testing.T) {
	t.Parallel()
	embedded := folder("1_a.sql", "\ufeffselect 1;\r\nselect 2;\r\n", "1_a.down.sql", "-- migrator: lock-timeout=3s\n", "x.SQL", "")
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, embedded))
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = root.Close() })

	want, err := Load(embedded)
	require.NoError(t, err)
	got, err := Load(root.FS())
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, "select 1;\nselect 2;\n", got[0].Up.SQL)

	skipped, err := Skipped(root.FS())
	require.NoError(t, err)
	require.Equal(t, []string{"x.SQL"}, skipped)
}

// guarded is a folder in which one file cannot be opened.
type guarded struct {
	fstest.MapFS
	name string
}

func (g guarded) Open(name string) (fs.File, error) {
	if name == g.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return g.MapFS.Open(name)
}

func (g guarded) ReadFile(name string) ([]byte, error) { return fs.ReadFile(fs.FS(onlyOpen{g}), name) }

type onlyOpen struct{ fs.FS }

func TestEveryProblemIsReportedAtOnceAndNamesItsFile(t *testing.T) {
	t.Parallel()
	fsys := folder(
		"001_ok.sql", "select 1;",
		"002.sql", "",
		"003_case.SQL", "",
		"005_nul.sql", "select 1;\n  'a\x00b'",
		"006_latin1.sql", "select 1;\r\nselect 'caf\xe9';\r\n",
		"007_directive.sql", "-- about it\n-- migrator: no-transaktion\n",
		"008_fifo.sql", "",
		"009_twice.sql", "", "009_twice.up.sql", "",
		"010_orphan.down.sql", "",
		"011_"+strings.Repeat("x", 250)+".sql", "",
		"012_utf16.sql", "\xff\xfes\x00e\x00l\x00",
		"013_unreadable.sql", "",
	)
	fsys["004_dir.sql/inside.sql"] = &fstest.MapFile{}
	fsys["008_fifo.sql"].Mode = fs.ModeNamedPipe
	migrations, err := Load(guarded{fsys, "013_unreadable.sql"})
	require.Equal(t, []string{
		"002.sql: is not named NNN_name.sql\nHINT: rename it to 002_name.sql",
		"003_case.SQL: the suffix is not .sql\nHINT: rename it to 003_case.sql",
		"004_dir.sql: is a directory\nHINT: give it a name that does not end in .sql",
		"005_nul.sql:2:5: holds a NUL byte\n  2 |   'a\ufffdb'\n    |     ^\nHINT: save it as UTF-8",
		"006_latin1.sql:2:12: is not valid UTF-8\n  2 | select 'caf\ufffd';\n    |            ^\nHINT: save it as UTF-8",
		"007_directive.sql:2:1: unknown directive \"no-transaktion\": want no-transaction, batch, isolation=LEVEL or lock-timeout=DURATION" +
			"\n  2 | -- migrator: no-transaktion\n    | ^",
		"008_fifo.sql: is not a regular file\nHINT: put the SQL into a plain file",
		"011_" + strings.Repeat("x", 250) + ".sql: the name is longer than 255 characters\nHINT: shorten it",
		"012_utf16.sql:1:4: holds a NUL byte\n  1 | \ufffd\ufffds\ufffde\ufffdl\ufffd\n    |    ^\nHINT: save it as UTF-8",
		"013_unreadable.sql: cannot be read: open 013_unreadable.sql: permission denied",
		"009_twice.up.sql: the same migration as 009_twice.sql\nHINT: keep one of the two files",
		"010_orphan.down.sql: there is no 010_orphan.sql that it would revert\nHINT: rename one of the two, or delete this one",
	}, problems(t, err))
	require.ErrorIs(t, err, fs.ErrPermission)
	require.NotEmpty(t, migrations, "those that can be understood are returned too")
}

func TestAProblemOfAMigrationIsNotHeldAgainstItsDownFile(t *testing.T) {
	t.Parallel()
	for name, fsys := range map[string]fs.FS{
		"unreadable":    guarded{folder("1_a.sql", "", "1_a.down.sql", ""), "1_a.sql"},
		"not UTF-8":     folder("1_a.sql", "\xe9", "1_a.down.sql", ""),
		"bad directive": folder("1_a.up.sql", "-- migrator: x", "1_a.down.sql", ""),
	} {
		_, err := Load(fsys)
		require.Len(t, problems(t, err), 1, "%s: %v", name, err)
	}
}

func TestTheProblemsOfSeveralOrphansHaveAnOrder(t *testing.T) {
	t.Parallel()
	for range 20 {
		_, err := Load(folder("3_c.down.sql", "", "1_a.down.sql", "", "2_b.down.sql", ""))
		texts := problems(t, err)
		require.Len(t, texts, 3)
		for i, stem := range []string{"1_a", "2_b", "3_c"} {
			require.True(t, strings.HasPrefix(texts[i], stem+".down.sql: there is no "+stem+".sql"), texts[i])
		}
	}
}

func TestTwoMigrationsMayHaveOneNumberButNotOneName(t *testing.T) {
	t.Parallel()
	migrations := loaded(t, "3_a.sql", "", "3_b.sql", "", "3_b.down.sql", "", "03_a.sql", "")
	require.Len(t, migrations, 3)
	require.Equal(t, Version("3_b.sql"), migrations[2].Version)
	require.NotNil(t, migrations[2].Down)
	require.Nil(t, migrations[1].Down)

	_, err := Load(folder("3_a.sql", "", "3_a.up.sql", "", "3_a.down.sql", ""))
	require.Equal(t, []string{"3_a.up.sql: the same migration as 3_a.sql\nHINT: keep one of the two files"}, problems(t, err))
}

func TestSkippedNamesTheSQLFilesThatAreNoMigrations(t *testing.T) {
	t.Parallel()
	fsys := folder("1_a.sql", "", "bootstrap.sql", "", "Seed.SQL", "", "1_a.down.sql", "", "notes.md", "", "1-odd.sql", "", "V1__x.sql", "", "dir.sql/x", "")
	skipped, err := Skipped(fsys)
	require.NoError(t, err)
	require.Equal(t, []string{"Seed.SQL", "V1__x.sql", "bootstrap.sql"}, skipped)
}

func TestTheFirstByteThatIsNoUTF8IsFound(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"": -1, "æøå \ufffd 漢字 🐘": -1, "\xff": 0, "a\ufffdæ\xe6b\xff": 6, "\xed\xa0\x80": 0, "æ\xc3": 2,
	} {
		require.Equal(t, want, invalidUTF8(text), "%q", text)
	}
}

func TestAFileThatNoMessageHoldsIsRefusedUnread(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "1_dump.sql")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Truncate(path, 1<<30)) // of which no byte is on the disk
	_, err := Load(os.DirFS(dir))
	require.Equal(t, []string{"1_dump.sql: is larger than 1023 MB, and PostgreSQL takes no message of 1 GB\nHINT: split it, or load its data in another way"}, problems(t, err))
}
