package migrator

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
)

// begunStatuses makes progress of words: "2+1" is 2_x.sql, going up, of which one statement has run; "3-0" goes down.
func begunStatuses(text string) (all []history.Progress) {
	for _, word := range strings.Fields(text) {
		p := history.Progress{Direction: string(DirectionUp)}
		number, done, up := strings.Cut(word, "+")
		if !up {
			number, done, _ = strings.Cut(word, "-")
			p.Direction = string(DirectionDown)
		}
		p.Version, p.Done = number+"_x.sql", int(done[0]-'0')
		all = append(all, p)
	}
	return all
}

func marked(files, history, unfinished string) []Status {
	migrations := versions(files)
	return markUnfinished(compare(migrations, rows(history)), begunStatuses(unfinished), migrations)
}

func TestWhatWasBegunAndIsNotDoneIsUnfinished(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, files, history, unfinished, want string }{
		{"nothing", "1 2", "1", "", "1 applied, 2 pending"},
		{"half applied", "1 2 3", "1", "2+1", "1 applied, 2 unfinished, 3 pending"},
		{"half reverted", "1 2 3", "1 2", "2-1", "1 applied, 2 unfinished, 3 pending"},
		{"half applied below the newest", "1 2 3", "1 3", "2+1", "1 applied, 2 unfinished, 3 applied"},
		{"half reverted, and changed since", "1 2", "1 2!", "2-1", "1 applied, 2 unfinished"},
		{"two", "1 2 3", "", "3+2 1+1", "1 unfinished, 2 pending, 3 unfinished"},
		{"by a newer program", "1 2", "1", "3+1", "1 applied, 2 pending, 3 newer"},
		{"half reverted by a newer program", "1 2", "1 2 3", "3-1", "1 applied, 2 applied, 3 newer"},
		{"the file is gone", "1 3", "1", "2+1", "1 applied, 2 missing, 3 pending"},
		{"half reverted, and the file is gone", "1 3", "1 2", "2-1", "1 applied, 2 missing, 3 pending"},
		{"without any files", "", "", "1+0", "1 newer"},
	} {
		statuses := marked(c.files, c.history, c.unfinished)
		require.Equal(t, c.want, describeStates(statuses), c.name)
		count := 0
		for _, s := range statuses {
			if s.Unfinished != nil {
				count++
			}
		}
		require.Equal(t, len(strings.Fields(c.unfinished)), count, "%s: each is said to be unfinished", c.name)
	}
}

func TestOnlyWhatGoesUpIsPending(t *testing.T) {
	t.Parallel()
	statuses := marked("1 2 3", "1 3", "2+1 3-1")
	require.Equal(t, &Unfinished{Direction: DirectionUp, Done: 1}, statuses[1].Unfinished)
	require.Equal(t, []bool{false, true, false}, []bool{statuses[0].Pending(), statuses[1].Pending(), statuses[2].Pending()})
}

func TestATargetGoesOnWithWhatIsUnfinished(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, files, history, unfinished string
		target                           Target
		strict                           bool
		want                             string
	}{
		{"up", "1 2 3", "1", "2+1", Up(), false, "+2 +3"},
		{"up by one", "1 2 3", "1", "2+1", UpN(1), false, "+2"},
		{"up to a version below it", "1 2 3", "", "3+1", UpTo("2"), false, "+1 +2"},
		{"up where it has come below an applied one", "1 2 3", "1 3", "2+1", Up(), false, "+2"},
		{"what was begun is no longer out of order", "1 2 3", "1 3", "2+1", Up(), true, "+2"},
		{"an old program while a newer one applies", "1 2", "1 2", "3+1", Up(), false, ""},
		{"an old program with something pending while a newer one applies", "1 2", "1", "3+1", Up(), true, "+2"},
		{"an old program while a newer one reverts", "1 2", "1 2 3", "3-1", Up(), false, ""},
		{"up, where an unfinished file is gone", "1 3", "1", "2+1", Up(), false, "+3"},
		{"down", "1 2 3", "1 2 3", "3-1", Down(1), false, "-3"},
		{"down to a version", "1 2 3", "1 2 3", "3-1", DownTo("1"), false, "-3 -2"},
		{"down over a file that was changed since", "1 2", "1 2!", "2-1", Down(1), false, "-2"},
		{"redo", "1 2", "1 2", "2-1", Redo(1), false, "-2 +2"},
	} {
		migrations := versions(c.files)
		moves, _, err := choose(migrations, marked(c.files, c.history, c.unfinished), c.target, c.strict)
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, describeMoves(moves), c.name)
	}
}

func TestATargetInTheOtherDirectionIsRefusedUntilItIsFinished(t *testing.T) {
	t.Parallel()
	const applied = "2_x.sql is unfinished: statements 1–2 are applied\nHINT: finish it first: apply what is pending; or, if you have settled it by hand, mark it applied or pending"
	const reverted = "2_x.sql is unfinished: of its down file statement 1 is applied\nHINT: revert it first; or, if you have settled it by hand, mark it applied or pending"
	for _, c := range []struct {
		history, unfinished, want string
		targets                   []Target
	}{
		{"1", "2+2", applied, []Target{Down(1), DownTo("1"), Redo(1)}},
		{"1 3", "2+2", applied, []Target{Down(1), DownTo("2"), Redo(1)}},
		{"1 2", "2-1", reverted, []Target{Up(), UpN(1), UpTo("3"), UpTo("1")}},
		{"1 2", "2-0", "2_x.sql is unfinished: of its down file none of its statements is applied\nHINT: revert it first; or, if you have settled it by hand, mark it applied or pending", []Target{Up()}},
	} {
		for _, target := range c.targets {
			migrations := versions("1 2 3")
			moves, _, err := choose(migrations, marked("1 2 3", c.history, c.unfinished), target, false)
			require.EqualError(t, err, c.want)
			require.Empty(t, moves)
			var unfinished *UnfinishedError
			require.ErrorAs(t, err, &unfinished)
			require.Equal(t, Version("2_x.sql"), unfinished.Version)
		}
	}
}

func TestAnUnfinishedFileThatIsGoneIsAWarning(t *testing.T) {
	t.Parallel()
	for unfinished, want := range map[string][]string{
		"2+1": {"2_x.sql: begun (statement 1 is applied), but there is no such file"},
		"4+1": nil, // of a newer program
	} {
		_, warnings, err := choose(versions("1 3"), marked("1 3", "1", unfinished), Up(), false)
		require.NoError(t, err)
		require.Equal(t, want, warnings)
	}
}

func TestAnUnfinishedFileIsExplainedAsItsErrorSaysIt(t *testing.T) {
	t.Parallel()
	s := marked("1", "", "1+3")[0]
	require.Equal(t, "1_x.sql is unfinished: statements 1–3 are applied\nHINT: finish it first: apply what is pending; or, if you have settled it by hand, mark it applied or pending", s.describe())
}
