package migrator

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// empty is a folder of empty files.
func empty(names ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for _, name := range names {
		fsys[name] = &fstest.MapFile{}
	}
	return fsys
}

func TestAFolderWithoutMigrationsSaysWhatItHoldsAndHowToMove(t *testing.T) {
	t.Parallel()
	const (
		name   = "\nHINT: a migration is a file NNN_name.sql in the folder itself, such as 001_init.sql"
		record = "; then record what the database has already with baseline"
		single = "\nHINT: move them into one folder, named NNN_name.sql so that their order stays, and what reverts one NNN_name.down.sql" + record
		flyway = "\nHINT: rename them in their order: V1__init.sql to 001_init.sql, U1__init.sql to 001_init.down.sql, R__views.sql to R_views.sql"
		views  = "\nHINT: a versioned one is a file NNN_name.sql, such as 001_init.sql"
	)
	for _, c := range []struct {
		want  string
		files []string
	}{
		{"no migrations: the folder is empty" + name, nil},
		{"no migrations: the folder is empty" + name, []string{".gitkeep", ".git/1_a.sql", "..data/1_a.sql"}},
		{"no migrations: the folder holds README.md and init.sql" + name, []string{"README.md", "init.sql"}},
		{"no migrations: the folder holds 0001_a.py, 0002_b.py, 0003_c.py and 4 more" + name, []string{
			"0001_a.py", "0002_b.py", "0003_c.py", "0004_d.py", "0005_e.py", "0006_f.py", "__init__.py",
		}},
		{"no migrations: the folder holds a.rb" + name, []string{"a.rb", "helpers/f.sql", "1/2/3/001_too_deep.sql"}},
		{
			"no migrations: the folder holds those of Prisma: 20240101_init/migration.sql and 20240102_b/migration.sql" +
				"\nHINT: copy 20240101_init/migration.sql to 20240101_init.sql, and the others likewise" + record,
			[]string{"migration_lock.toml", "20240102_b/migration.sql", "20240101_init/migration.sql"},
		},
		{
			"no migrations: the folder holds those of Diesel: 2024-01-01-000000_init/up.sql" +
				"\nHINT: copy 2024-01-01-000000_init/up.sql to 20240101000000_init.sql, and the others likewise" + record,
			[]string{"2024-01-01-000000_init/up.sql", "2024-01-01-000000_init/down.sql"},
		},
		{
			"no migrations: the folder holds those of Sqitch: deploy/b.sql" +
				"\nHINT: copy deploy/b.sql to 001_b.sql, and the others likewise" + record,
			[]string{"sqitch.plan", "deploy/b.sql", "revert/b.sql", "verify/b.sql"},
		},
		{"no migrations: the folder itself holds none, and those below it are not read: 2026/11/001.sql" + single, []string{"2026/11/001.sql"}},
		{
			"no migrations: the folder itself holds none, and those below it are not read: down/001_a.sql and up/001_a.sql" + single,
			[]string{"up/001_a.sql", "down/001_a.sql"},
		},
		{
			"db/migrations holds migrations, and the folder above it, which was given, holds none\nHINT: give this folder: in a program, fs.Sub(files, \"db/migrations\")",
			[]string{"db/migrations/001_a.sql", "db/migrations/001_a.down.sql", "db/seeds/users.sql"},
		},
		{
			"the folder holds files that are named for Flyway or refinery, and are not read here: U1__a.sql, V1.2__b.sql and V1__a.sql" + flyway + record,
			[]string{"V1__a.sql", "V1.2__b.sql", "U1__a.sql", "R__views.sql", "beforeMigrate.sql"},
		},
		{"the folder holds repeatable migrations that are named for Flyway, and no versioned one: R__views.sql" + views, []string{"R__views.sql", "R_x.sql"}},
		{"the folder holds files that are named for Flyway or refinery, and are not read here: V2__b.sql" + flyway, []string{"001_a.sql", "R__views.sql", "V2__b.sql"}},
		{"no migrations: the folder holds deep/" + name, []string{"deep/a/b/c/001_x.sql", ".git/config"}},
	} {
		migrations, err := Load(empty(c.files...))
		require.ErrorIs(t, err, ErrNoMigrations, c.files)
		require.EqualError(t, err, c.want)
		require.NotNil(t, migrations)
	}
}

func TestWhatWasReadIsReturnedNextToErrNoMigrations(t *testing.T) {
	t.Parallel()
	for want, names := range map[string][]string{"[]": {"V1__a.sql"}, "[R__v.sql]": {"V1__a.sql", "R__v.sql"}, "[001_a.sql]": {"001_a.sql", "V2__b.sql"}} {
		migrations, err := Load(empty(names...))
		require.ErrorIs(t, err, ErrNoMigrations)
		versions := []Version{}
		for _, m := range migrations {
			versions = append(versions, m.Version)
		}
		require.Equal(t, want, fmt.Sprint(versions))
	}
}

func TestAFolderOfMigrationsMayHoldOtherFilesAndFolders(t *testing.T) {
	t.Parallel()
	for skipped, names := range map[string][]string{
		"":                        {"001_a.sql", "functions/f.sql", "README.md"},
		"bootstrap.sql":           {"001_a.sql", "bootstrap.sql"},
		"V1_a.sql Vacuum.sql":     {"001_a.sql", "Vacuum.sql", "V1_a.sql"},
		"old/":                    {"002_b.sql", "old/001_a.sql", "old/000_x.sql"},
		"x.sql 2026/11/ 2026/12/": {"002_b.sql", "2026/11/1.sql", "2026/12/R_v.sql", "x.sql", "2026/a.sql", "1/2/3/1_a.sql"},
		"java/":                   {"002_b.sql", "java/V1__a.sql"},
		" ":                       {"001_a.sql", "R__views.sql"}, // a repeatable migration like any other
	} {
		_, err := Load(empty(names...))
		require.NoError(t, err, names)
		got, err := Skipped(empty(names...))
		require.NoError(t, err)
		require.Equal(t, strings.TrimSpace(skipped), strings.Join(got, " "))
	}
}

func TestAProblemOfAFileComesBeforeWhatTheFolderHolds(t *testing.T) {
	t.Parallel()
	_, err := Load(empty("1.sql", "V1__a.sql", "below/1_a.sql"))
	require.Len(t, problems(t, err), 1)
	require.NotErrorIs(t, err, ErrNoMigrations)
}

func TestNotEveryFolderOfALargeTreeIsRead(t *testing.T) {
	t.Parallel()
	fsys := &counted{MapFS: empty("001_a.sql")}
	for i := range 500 {
		fsys.MapFS[fmt.Sprintf("node_modules/%03d/1_a.sql", i)] = &fstest.MapFile{}
	}
	skipped, err := Skipped(fsys)
	require.NoError(t, err)
	require.NotEmpty(t, skipped)
	require.Equal(t, 1+maxFolders, fsys.folders)
}

// counted counts the folders that are read.
type counted struct {
	fstest.MapFS
	folders int
}

func (c *counted) ReadDir(name string) ([]fs.DirEntry, error) {
	c.folders++
	return c.MapFS.ReadDir(name)
}
