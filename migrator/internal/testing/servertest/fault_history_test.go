package servertest

import (
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// applied is a database to which the first n files are applied.
func applied(t *testing.T, n int) string {
	t.Helper()
	url := newDatabase(t)
	_, err := open(t, url, ledgerFiles(n), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	return url
}

// changed is n files after a change.
func changed(n int, change func(fstest.MapFS)) fstest.MapFS {
	fsys := ledgerFiles(n)
	change(fsys)
	return fsys
}

func TestAHistoryThatTheFilesContradictStopsARunBeforeAnythingRuns(t *testing.T) {
	t.Parallel()
	url := applied(t, 3)
	recorded := query(t, url, "select checksum from schema_migrations where version = '002_file.sql'")[0]
	when := query(t, url, "select to_char(applied_at, 'YYYY-MM-DD HH24:MI:SS') from schema_migrations where version = '002_file.sql'")[0]
	for _, test := range []struct {
		name string
		fsys fstest.MapFS
		want []string
	}{
		{
			"edited", changed(5, func(f fstest.MapFS) {
				f["002_file.sql"] = &fstest.MapFile{Data: []byte("insert into ledger values (22);\n")}
			}),
			[]string{"002_file.sql: changed since it was applied at " + when + " UTC", "\n  applied: " + recorded, "HINT: put the files back as they were applied"},
		},
		{
			"renamed", changed(5, func(f fstest.MapFS) { f["002_other.sql"] = f["002_file.sql"]; delete(f, "002_file.sql") }),
			[]string{"002_file.sql: applied at " + when + " UTC, and now named 002_other.sql", "HINT: "},
		},
		{
			"renumbered", changed(5, func(f fstest.MapFS) { f["009_file.sql"] = f["002_file.sql"]; delete(f, "002_file.sql") }),
			[]string{"002_file.sql: applied at " + when + " UTC, and now named 009_file.sql", "HINT: "},
		},
		{
			"swapped", changed(5, func(f fstest.MapFS) { f["002_file.sql"], f["003_file.sql"] = f["003_file.sql"], f["002_file.sql"] }),
			[]string{"002_file.sql: changed", "003_file.sql: changed"},
		},
	} {
		for _, mode := range modes {
			delete(test.fsys, "002_file.down.sql")
			results, err := open(t, url, test.fsys, mode.config).Run(patience(t), migrator.Up())
			require.Empty(t, results, test.name)
			var mismatch *migrator.MismatchError
			require.ErrorAs(t, err, &mismatch, test.name)
			for _, want := range test.want {
				require.ErrorContains(t, err, want, test.name)
			}
			if test.name == "edited" {
				require.NotEqual(t, recorded, mismatch.Mismatches[0].Checksum)
				require.ErrorContains(t, err, "\n  file:    "+mismatch.Mismatches[0].Checksum)
			}
			require.Equal(t, ledgerState(3), state(t, url), test.name)
		}
	}
}

func TestAHistoryThatFitsTheFilesNotQuiteIsToldAndGoesOn(t *testing.T) {
	t.Parallel()
	extra := func(f fstest.MapFS) { f["002_branch.sql"] = files("x", "insert into ledger values (22);\n")["x"] }
	missing := func(f fstest.MapFS) { delete(f, "002_file.sql"); delete(f, "002_file.down.sql") }
	for _, test := range []struct {
		name, want string
		before     int
		fsys       fstest.MapFS
		ledger     []string
		strict     bool // passes in strict order too
	}{
		{"deleted", "002_file.sql: applied at ", 3, changed(4, missing), []string{"1", "2", "3", "4"}, true},
		{"out of order, and two with one number", "002_branch.sql: pending below a version that is already applied", 3, changed(4, extra), []string{"1", "2", "22", "3", "4"}, false},
		{"two with one number", "", 1, changed(2, extra), []string{"1", "2", "22"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, mode := range modes {
				url := applied(t, test.before)
				var seen recorder
				config := mode.config
				config.Observe, config.StrictOrder = seen.observe, true
				results, err := open(t, url, test.fsys, config).Run(patience(t), migrator.Up())
				if !test.strict {
					var order *migrator.OrderError
					require.ErrorAs(t, err, &order)
					require.Empty(t, results)
					require.Equal(t, ledgerState(test.before), state(t, url))
				}
				config.StrictOrder = false
				_, err = open(t, url, test.fsys, config).Run(patience(t), migrator.Up())
				require.NoError(t, err)
				require.Equal(t, test.ledger, query(t, url, "select file::text from ledger order by file::text"))
				var warnings []string
				for _, e := range seen.of(migrator.EventWarning) {
					warnings = append(warnings, e.Message)
				}
				if test.want == "" {
					require.Empty(t, warnings)
				} else {
					require.Contains(t, strings.Join(warnings, "\n"), test.want)
				}
			}
		})
	}
}

// TestAFileThatTakesTheHistoryAwayFailsAndChangesNothing: whatever way it takes, and in both directions.
func TestAFileThatTakesTheHistoryAwayFailsAndChangesNothing(t *testing.T) {
	t.Parallel()
	ways := map[string]string{
		"drops":                 "drop table schema_migrations",
		"drops cascade":         "drop table if exists public.schema_migrations cascade",
		"truncates":             "truncate schema_migrations",
		"empties":               "delete from schema_migrations",
		"renames":               "alter table schema_migrations rename to gone",
		"renames its column":    "alter table schema_migrations rename version to name",
		"drops its column":      "alter table schema_migrations drop version",
		"moves":                 "create schema attic; alter table schema_migrations set schema attic",
		"replaces":              "alter table schema_migrations rename to gone; create table schema_migrations (like gone including all)",
		"hides":                 "create schema attic; alter schema public rename to old; create schema public",
		"empties in a body":     "do $$ begin execute 'delete from schema_' || 'migrations'; end $$",
		"empties in a function": "create function f() returns int language sql as 'delete from schema_migrations; select 1'; select f()",
		"empties at the commit": `create table sly (); create function f() returns trigger language plpgsql as 'begin delete from schema_migrations; return null; end';
			create constraint trigger sly after insert on sly deferrable initially deferred for each row execute function f(); insert into sly default values`,
		"renames all versions": "update schema_migrations set version = 'x' || version",
		"drops all schemas":    "drop schema public cascade; create schema public",
	}
	states := map[string]string{"003_file.sql": "nothing of this file was applied", "002_file.down.sql": "002_file.sql is still applied"}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, mode := range modes {
				url := applied(t, 2)
				fsys := changed(3, func(f fstest.MapFS) {
					maps.Copy(f, files("002_file.down.sql", way+";\n", "003_file.sql", way+";\n"))
				})
				for direction, target := range map[string]migrator.Target{"003_file.sql": migrator.Up(), "002_file.down.sql": migrator.Down(1)} {
					results, err := open(t, url, fsys, mode.config).Run(patience(t), target)
					var failed *migrator.MigrationError
					require.ErrorAs(t, err, &failed, direction)
					require.True(t, strings.HasPrefix(err.Error(), direction+": "), err)
					require.ErrorContains(t, err, "HINT: ", direction)
					require.ErrorContains(t, err, "STATE: rolled back; "+states[direction], direction)
					require.Empty(t, results)
					require.Equal(t, ledgerState(2), state(t, url), direction)
					require.Equal(t, []string{"ledger", "schema_migrations"}, query(t, url,
						"select relname::text from pg_class where relkind = 'r' and relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) order by 1"), direction)
				}
			}
		})
	}
}
