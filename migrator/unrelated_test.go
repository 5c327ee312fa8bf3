package migrator

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

func TestAHistoryThatHasNothingToDoWithTheFilesIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, files, history string
		config               Config
		target               Target
		refused              bool
	}{
		{"another project's", "4 5", "1 2 3", Config{}, Up(), true},
		{"also without checksums", "4 5", "1? 2?", Config{}, Up(), true},
		{"one after another", "4 5", "1 2 3", Config{}, UpN(1), true},
		{"up to a version", "4 5", "1 2 3", Config{}, UpTo("4"), true},
		{"where strict order would say less", "1 2", "4 5", Config{StrictOrder: true}, Up(), true},
		{"repeatable files alone", "R_a", "1 2", Config{}, Up(), true},
		{"files without a statement are all alike", "4=", "1=", Config{}, Up(), true},

		{"it is allowed", "4 5", "1 2 3", Config{AllowUnrelated: true}, Up(), false},
		{"one name is enough", "1 4", "1! 2 3", Config{}, Up(), false},
		{"one checksum is enough", "4 5=2", "2", Config{}, Up(), false},
		{"a repeatable file is enough", "4 R_a", "1 R_a!", Config{}, Up(), false},
		{"no history yet", "4 5", "", Config{}, Up(), false},
		{"nothing pending up to there", "4 5", "1 2 3", Config{}, UpTo("1"), false},
		{"no files", "", "1 2 3", Config{}, Up(), false},
		{"it runs nothing", "4 5", "1 2 3", Config{}, Repair(), false},
		{"a row is written", "4 5", "1 2 3", Config{}, MarkApplied("4"), false},
		{"a row is deleted", "4 5", "1 2 3", Config{}, MarkPending("3"), false},
	} {
		migrations := versions(c.files)
		_, err := New(nil, migrations, c.config).plan(past(c.history), c.target, script.Writer{}, &reviewer{})
		var unrelated *UnrelatedError
		if c.refused {
			require.ErrorAs(t, err, &unrelated, c.name)
			continue
		}
		require.NotErrorAs(t, err, &unrelated, c.name)
	}
}

func TestAFileThatWasBegunIsRelatedToItsHistory(t *testing.T) {
	t.Parallel()
	h := past("1 2")
	require.Error(t, refuseUnrelated(h, versions("4 5")))
	h.Progress = []history.Progress{{Version: "4_x.sql", Direction: string(DirectionUp)}}
	require.NoError(t, refuseUnrelated(h, versions("4 5")))
}

func TestAnUnrelatedHistoryIsToldWithBothSides(t *testing.T) {
	t.Parallel()
	require.EqualError(t, refuseUnrelated(past("2 1 10 9"), versions("20 21")),
		"history table public.schema_migrations has nothing to do with these files: none of what it records is among them, by name or checksum\n"+
			"  recorded: 2_x.sql, 9_x.sql, 10_x.sql (the newest of 4)\n"+
			"  files:    20_x.sql, 21_x.sql\n"+
			"HINT: is this the wrong database, or the wrong directory? give each service that shares the database a history of its own (--table, Config.Table); "+
			"if they share this one on purpose, or if these files replace those recorded, allow it with --allow-unrelated (Config.AllowUnrelated)")
}
