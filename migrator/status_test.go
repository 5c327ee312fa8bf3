package migrator

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
)

// versions makes migrations of numbers: "1 2- 3" are 1_x.sql, 2_x.sql without a down file, and 3_x.sql. "4=2" is 4_x.sql
// with the text of 2_x.sql, "5=" an empty file.
func versions(text string) []Migration {
	var migrations []Migration
	for _, word := range strings.Fields(text) {
		word, irreversible := strings.CutSuffix(word, "-")
		number, like, copied := strings.Cut(word, "=")
		sql := "select " + number
		if copied {
			sql = strings.TrimSuffix("select "+like, "select ")
		}
		m := Migration{Version: Version(number + "_x.sql"), Up: *transactional(number+"_x.sql", sql)}
		if !irreversible {
			m.Down = transactional(number+"_x.down.sql", "select -"+number)
		}
		migrations = append(migrations, m)
	}
	return migrations
}

// rows makes records of numbers: "1 2? 3! 7=4" are the rows of 1_x.sql as its file is, of 2_x.sql without a checksum, of
// 3_x.sql with that of another text, and of 7_x.sql with that of 4_x.sql.
func rows(text string) []history.Record {
	var records []history.Record
	for _, word := range strings.Fields(text) {
		number, like, copied := strings.Cut(strings.TrimRight(word, "?!"), "=")
		r := history.Record{Version: number + "_x.sql", Checksum: checksum("select " + number)}
		switch {
		case copied:
			r.Checksum = checksum(strings.TrimSuffix("select "+like, "select "))
		case strings.HasSuffix(word, "?"):
			r.Checksum = ""
		case strings.HasSuffix(word, "!"):
			r.Checksum = checksum("another text")
		}
		records = append(records, r)
	}
	return records
}

func describeStates(statuses []Status) string {
	var words []string
	for _, s := range statuses {
		word := strings.TrimSuffix(string(s.Version), "_x.sql") + " " + string(s.State)
		if s.Renamed != "" {
			word += " " + strings.TrimSuffix(string(s.Renamed), "_x.sql")
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

func TestFilesAndHistoryGiveEachVersionItsState(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, files, history, want string }{
		{"nothing at all", "", "", ""},
		{"an empty history", "1 2", "", "1 pending, 2 pending"},
		{"all applied", "1 2", "1 2", "1 applied, 2 applied"},
		{"the rest pending", "1 2 3", "1", "1 applied, 2 pending, 3 pending"},
		{"no checksum yet", "1 2", "1? 2?", "1 applied, 2 applied"},
		{"a file was changed", "1 2 3", "1! 2", "1 changed, 2 applied, 3 pending"},
		{"two branches", "1 2 3 4", "1 3", "1 applied, 2 out of order, 3 applied, 4 pending"},
		{"pending below a changed one", "1 2", "2!", "1 out of order, 2 changed"},
		{"an older program", "1 2", "1 2 3 4", "1 applied, 2 applied, 3 newer, 4 newer"},
		{"an older program with something pending", "1 2", "1 3", "1 applied, 2 out of order, 3 newer"},
		{"no files, but a history", "", "1 2", "1 newer, 2 newer"},
		{"a file is missing", "1 3", "1 2 3", "1 applied, 2 missing, 3 applied"},
		{"the first is missing", "2", "1 2", "1 missing, 2 applied"},
		{"a missing one above the pending", "1 2 4", "1 3", "1 applied, 2 out of order, 3 missing, 4 pending"},
		{"renamed upwards", "1 3=2", "1 2", "1 applied, 2 renamed 3, 3 pending"},
		{"renamed downwards", "1 2=7 9", "1 7 9", "1 applied, 2 out of order, 7 renamed 2, 9 applied"},
		{"renamed by a newer program", "1 2=5", "1 5", "1 applied, 2 out of order, 5 renamed 2"},
		{"renamed and changed", "1 3", "1 2", "1 applied, 2 missing, 3 pending"},
		{"a copy of an applied file", "1 2=1", "1", "1 applied, 2 pending"},
		{"a copy of a file that is gone, applied", "2=1", "1 2=1", "1 missing, 2 applied"},
		{"an unknown checksum is no rename", "1 3=2", "1 2?", "1 applied, 2 missing, 3 pending"},
		{"empty files are all alike", "1 3=", "1 2=", "1 applied, 2 missing, 3 pending"},
		{"repeatable migrations come last", "1 2 R_a R_b", "", "1 pending, 2 pending, R_a pending, R_b pending"},
		{"a repeatable migration that was applied and one that was changed since", "1 R_a R_b", "1 R_a R_b!", "1 applied, R_a applied, R_b outdated"},
		{"a repeatable migration of which no checksum is known", "1 R_a", "1 R_a?", "1 applied, R_a applied"},
		{"a repeatable migration puts nothing out of order", "1 2 R_a", "1 R_a", "1 applied, 2 pending, R_a applied"},
		{"a repeatable migration that is gone", "1", "1 R_a", "1 applied, R_a missing"},
		{"a repeatable migration with another name is another one", "1 R_b=R_a", "1 R_a", "1 applied, R_a missing, R_b pending"},
		{"repeatable migrations of a newer program", "1 R_a R_c", "1 2 R_a! R_b", "1 applied, 2 newer, R_a newer, R_b newer, R_c pending"},
		{"repeatable migrations alone", "R_a", "R_a R_b", "R_a applied, R_b missing"},
		{"20 digits", "9 18446744073709551616", "18446744073709551616", "9 out of order, 18446744073709551616 applied"},
	} {
		statuses := compare(versions(c.files), rows(c.history))
		require.Equal(t, c.want, describeStates(statuses), c.name)
	}
}

func TestFilesWithoutAStatementAreAllAlike(t *testing.T) {
	t.Parallel()
	const nothing = "-- nothing to do\n"
	migrations := []Migration{{Version: "2_new.sql", Up: *transactional("2_new.sql", nothing)}}
	statuses := compare(migrations, []history.Record{{Version: "1_gone.sql", Checksum: checksum(nothing)}})
	require.Equal(t, StateMissing, statuses[0].State)
}

func TestARowWrittenByHandComesFirst(t *testing.T) {
	t.Parallel()
	statuses := compare(versions("1 2"), []history.Record{{Version: "by hand"}, {Version: "1_x.sql"}})
	require.Equal(t, "by hand missing, 1 applied, 2 pending", describeStates(statuses))
}

func TestTheOrderOfTheRowsDoesNotMatter(t *testing.T) {
	t.Parallel()
	records := rows("1 2! 3 5 9 10 11")
	want := compare(versions("1 2 3 4 6=5 10 12"), records)
	for range 20 {
		rand.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
		require.Equal(t, want, compare(versions("1 2 3 4 6=5 10 12"), records))
	}
}

func TestAStatusHasWhatFileAndRowSay(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	got := compare(versions("1 2"), []history.Record{{Version: "1_x.sql", AppliedAt: at, Checksum: "abc"}, {Version: "3_x.sql", AppliedAt: at, Checksum: "def"}})
	require.Equal(t, []Status{
		{Version: "1_x.sql", State: StateChanged, AppliedAt: at, Checksum: checksum("select 1"), Recorded: "abc"},
		{Version: "2_x.sql", State: StateOutOfOrder, Checksum: checksum("select 2")},
		{Version: "3_x.sql", State: StateNewer, AppliedAt: at, Recorded: "def"},
	}, got)
}

func TestWhatIsWrongWithAVersionIsSaidInOneSentence(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 12, 30, 0, 0, time.UTC)
	for state, want := range map[State]string{
		StateApplied:    "1_x.sql: applied",
		StatePending:    "1_x.sql: pending",
		StateOutdated:   "1_x.sql: outdated",
		StateNewer:      "1_x.sql: applied at 2026-11-22 12:30:00 UTC, and newer than every file here",
		StateOutOfOrder: "1_x.sql: pending below a version that is already applied",
		StateMissing:    "1_x.sql: applied at 2026-11-22 12:30:00 UTC, but there is no such file",
		StateRenamed:    "1_x.sql: applied at 2026-11-22 12:30:00 UTC, and now named 2_x.sql",
		StateChanged:    "1_x.sql: changed since it was applied at 2026-11-22 12:30:00 UTC\n  applied: abc\n  file:    def",
	} {
		s := Status{Version: "1_x.sql", State: state, AppliedAt: at, Recorded: "abc", Checksum: "def", Renamed: "2_x.sql"}
		require.Equal(t, want, s.describe())
		require.Equal(t, state != StateApplied && state != StatePending && state != StateOutdated, s.mismatched(), fmt.Sprint(state))
		require.Equal(t, state == StatePending || state == StateOutOfOrder || state == StateOutdated, s.Pending(), fmt.Sprint(state))
	}
	require.Equal(t, "R_x.sql: applied with another text than here, and the history has versions newer than every file here", Status{Version: "R_x.sql", State: StateNewer}.describe())
	require.Equal(t, "1_x.sql: begun (none of its statements is applied), and newer than every file here", Status{Version: "1_x.sql", State: StateNewer, Unfinished: &Unfinished{}}.describe())
	require.Equal(t, "1_x.sql: applied, but there is no such file", Status{Version: "1_x.sql", State: StateMissing}.describe())
}
