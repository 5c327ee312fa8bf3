package migrator

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
)

func describeMoves(moves []Move) string {
	words := make([]string, len(moves))
	for i, m := range moves {
		words[i] = map[Direction]string{DirectionUp: "+", DirectionDown: "-"}[m.Direction] + strings.TrimSuffix(string(m.Migration.Version), "_x.sql")
	}
	return strings.Join(words, " ")
}

// chosen is choose for files and history as in verify_test.
func chosen(files, history string, target Target, strict bool) ([]Move, []string, error) {
	migrations := versions(files)
	return choose(migrations, compare(migrations, rows(history)), target, strict)
}

func TestATargetIsReachedByTheseMoves(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, files, history string
		target               Target
		want                 string
	}{
		{"up applies all that is pending", "1 2 3", "1", Up(), "+2 +3"},
		{"up from nothing", "9 10 11", "", Up(), "+9 +10 +11"},
		{"up where all is applied", "1 2", "1 2", Up(), ""},
		{"up without files", "", "", Up(), ""},
		{"up on a newer database", "1 2", "1 2 3", Up(), ""},
		{"up on a newer database with something pending", "1 2", "1 3", Up(), "+2"},
		{"up out of order", "1 2 3 4", "1 3", Up(), "+2 +4"},
		{"up past a missing file", "1 3", "1 2", Up(), "+3"},
		{"up where checksums are not known", "1 2 3", "1? 2?", Up(), "+3"},

		{"up brings repeatable migrations last, in the order of names", "1 R_a R_b", "", Up(), "+1 +R_a +R_b"},
		{"up runs a repeatable migration again when it has changed", "1 R_a R_b", "1 R_a! R_b", Up(), "+R_a"},
		{"up leaves a repeatable migration whose checksum is not known", "1 R_a", "1 R_a?", Up(), ""},
		{"up of an old program leaves what a newer one has put there", "1 R_a R_b", "1 2 R_a!", Up(), "+R_b"},
		{"up where a repeatable migration was renamed", "1 R_b=R_a", "1 R_a", Up(), "+R_b"},
		{"up out of order only among those with numbers", "1 2 R_a", "1 R_a", Up(), "+2"},

		{"up by two", "1 2 3 4", "1", UpN(2), "+2 +3"},
		{"up by more than have numbers", "1 R_a R_b", "", UpN(2), "+1 +R_a"},
		{"up by more than there are", "1 2", "1", UpN(9), "+2"},
		{"up by one out of order", "1 2 3 4", "1 3", UpN(1), "+2"},

		{"up to a version", "1 2 3 4", "1", UpTo("3"), "+2 +3"},
		{"up to a version stops before repeatable migrations", "1 2 R_a", "", UpTo("2"), "+1 +2"},
		{"up to a repeatable migration", "1 R_a R_b", "", UpTo("R_a_x"), "+1 +R_a"},
		{"up to a version by its name", "1 2 3", "", UpTo("2_x.sql"), "+1 +2"},
		{"up to one that is applied", "1 2 3", "1 2", UpTo("1"), ""},
		{"up to one that is applied, with one pending below", "1 2 3 4", "1 3", UpTo("3"), "+2"},
		{"up to a newer one", "1 2 3", "1 9", UpTo("9"), "+2 +3"},
		{"up to a missing one", "1 3", "2", UpTo("2"), "+1"},

		{"down by one", "1 2 3", "1 2", Down(1), "-2"},
		{"down leaves repeatable migrations", "1 2 R_a", "1 2 R_a", Down(1), "-2"},
		{"down to a version leaves repeatable migrations", "1 2 R_a", "1 2 R_a", DownTo("1"), "-2"},
		{"down by two, newest first", "1 2 3", "1 2 3", Down(2), "-3 -2"},
		{"down by more than there are", "1 2", "1 2", Down(9), "-2 -1"},
		{"down from nothing", "1 2", "", Down(1), ""},
		{"down by order, not by time", "1 2 10", "10 2", Down(1), "-10"},
		{"down past one that is pending", "1 2 3", "1 3", Down(2), "-3 -1"},
		{"down over a changed file", "1 2", "1 2!", Down(1), "-2"},
		{"down below a missing file", "1 3", "1 2 3", Down(1), "-3"},
		{"down above an irreversible one", "1- 2", "1 2", Down(1), "-2"},

		{"down to a version keeps it", "1 2 3", "1 2 3", DownTo("1"), "-3 -2"},
		{"down to the newest", "1 2 3", "1 2 3", DownTo("3"), ""},
		{"down to one that is pending", "1 2 3 4", "1 3 4", DownTo("2"), "-4 -3"},
		{"down to one that is missing", "1 3", "1 2 3", DownTo("2"), "-3"},
		{"down to one above all", "1 2 3", "1 2", DownTo("3"), ""},

		{"redo reverts newest first and applies oldest first", "1 2 3", "1 2 3", Redo(2), "-3 -2 +2 +3"},
		{"redo leaves what is pending", "1 2 3", "1 2", Redo(1), "-2 +2"},
		{"redo of a changed file is how one works on it", "1 2", "1 2!", Redo(1), "-2 +2"},
		{"redo with nothing applied", "1 2", "", Redo(1), ""},
		{"redo of more than there are", "1 2", "1 2", Redo(5), "-2 -1 +1 +2"},
	} {
		moves, _, err := chosen(c.files, c.history, c.target, false)
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, describeMoves(moves), c.name)
	}
}

func TestATargetThatCannotBeReachedIsRefusedBeforeAnythingRuns(t *testing.T) {
	t.Parallel()
	const repair = "\nHINT: put the files back as they were applied, and write a new one for the difference; or accept them as they are now with repair"
	changed := "2_x.sql: changed since it was applied\n  applied: " + checksum("another text") + "\n  file:    " + checksum("select 2")
	for _, c := range []struct {
		name, files, history string
		target               Target
		want                 string
	}{
		{"changed", "1 2 3", "1 2!", Up(), changed + repair},
		{"changed above the version", "1 2 3", "2!", UpTo("1"), changed + repair},
		{"changed, up by one", "1 2 3", "2!", UpN(1), changed + repair},
		{"changed with nothing pending", "1 2", "1 2!", Up(), changed + repair},
		{"renamed", "1 3=2", "1 2", Up(), "2_x.sql: applied, and now named 3_x.sql" + repair},
		{"both", "2 4=3", "2! 3", Up(), changed + "\n3_x.sql: applied, and now named 4_x.sql" + repair},

		{"irreversible", "1 2-", "1 2", Down(1), "revert 2_x.sql: has no down file (2_x.down.sql)"},
		{"irreversible ones further down are not meant", "1- 2-", "1 2", Down(1), "revert 2_x.sql: has no down file (2_x.down.sql)"},
		{"all irreversible ones are named", "1- 2 3-", "1 2 3", Down(3), "revert 3_x.sql: has no down file (3_x.down.sql)\nrevert 1_x.sql: has no down file (1_x.down.sql)"},
		{"irreversible on the way", "1 2- 3", "1 2 3", DownTo("1"), "revert 2_x.sql: has no down file (2_x.down.sql)"},
		{"irreversible redo", "1 2-", "1 2", Redo(1), "revert 2_x.sql: has no down file (2_x.down.sql)"},
		{"down across a missing file", "1 3", "1 2 3", Down(2), "revert 2_x.sql: there is no such file here"},
		{"down across a newer one", "1 2", "1 2 3", Down(1), "revert 3_x.sql: there is no such file here"},
		{"down across a renamed one", "1 3=2", "1 2", Down(1), "revert 2_x.sql: it is named 3_x.sql here\nHINT: accept that first, with repair"},
		{"down to below a newer one", "1 2", "1 2 3", DownTo("1"), "revert 3_x.sql: there is no such file here"},

		{"no such version", "1 2", "1", UpTo("7"), `there is no migration "7"`},
		{"no such version to go down to", "1 2", "1", DownTo("7_x.sql"), `there is no migration "7_x.sql"`},
		{"up by none", "1", "", UpN(0), "a target of 0 migrations: want 1 or more"},
		{"down by none", "1", "1", Down(0), "a target of 0 migrations: want 1 or more"},
		{"redo of none", "1", "1", Redo(0), "a target of 0 migrations: want 1 or more"},
		{"down by less", "1", "1", Down(-1), "a target of -1 migrations: want 1 or more"},
	} {
		moves, _, err := chosen(c.files, c.history, c.target, false)
		require.EqualError(t, err, c.want, c.name)
		require.Empty(t, moves, c.name)
		require.Equal(t, strings.Contains(c.want, "no down file"), errors.Is(err, ErrIrreversible), c.name)
		var mismatch *MismatchError
		require.Equal(t, strings.HasSuffix(c.want, repair), errors.As(err, &mismatch), c.name)
	}
}

func TestATargetWithoutAVersionIsNotOneThatRevertsEverything(t *testing.T) {
	t.Parallel()
	for _, target := range []Target{DownTo(""), UpTo("")} {
		moves, _, err := chosen("1 2 3", "1 2", target, false)
		var missing *VersionError
		require.ErrorAs(t, err, &missing, "%s", describeMoves(moves))
	}
}

func TestStrictOrderRefusesWhatIsPendingBelowTheNewest(t *testing.T) {
	t.Parallel()
	const files, history = "1 2 3 4 5", "1 4"
	for _, target := range []Target{Up(), UpN(1), UpTo("3"), UpTo("5")} {
		moves, _, err := chosen(files, history, target, true)
		var order *OrderError
		require.ErrorAs(t, err, &order)
		require.Equal(t, Version("4_x.sql"), order.Newest)
		require.Equal(t, Version("2_x.sql"), order.Pending[0])
		require.Empty(t, moves)
	}
	_, _, err := chosen(files, history, Up(), true)
	require.EqualError(t, err, "out of order: 2_x.sql, 3_x.sql pending below 4_x.sql, the newest applied one\n"+
		"HINT: renumber the file so that it comes last, or run without --strict-order (Config.StrictOrder)")

	moves, _, err := chosen("1 2 3", "1 2", Up(), true)
	require.NoError(t, err)
	require.Equal(t, "+3", describeMoves(moves))
	moves, _, err = chosen(files, history, Down(1), true)
	require.NoError(t, err)
	require.Equal(t, "-4", describeMoves(moves))
}

func TestWhatDeservesALookIsAWarning(t *testing.T) {
	t.Parallel()
	_, warnings, err := chosen("1 3 4 6", "1 2 4 9", Up(), false)
	require.NoError(t, err)
	require.Equal(t, []string{
		"2_x.sql: applied, but there is no such file",
		"3_x.sql: pending below a version that is already applied",
		"6_x.sql: pending below a version that is already applied",
	}, warnings)
	_, warnings, err = chosen("1 2", "1 3", Up(), false)
	require.NoError(t, err)
	require.NotContains(t, strings.Join(warnings, "\n"), "3_x.sql", "newer versions are fine")
}

func TestAMoveIsDoneWhenTheHistoryShowsIt(t *testing.T) {
	t.Parallel()
	h := &history.History{}
	h.Fill(rows("1"))
	up := func(v Version) bool { return (&Move{DirectionUp, Migration{Version: v}}).done(h) }
	down := func(v Version) bool { return (&Move{DirectionDown, Migration{Version: v}}).done(h) }
	require.True(t, up("1_x.sql"))
	require.False(t, up("2_x.sql"))
	require.False(t, down("1_x.sql"))
	require.True(t, down("2_x.sql"))
}
