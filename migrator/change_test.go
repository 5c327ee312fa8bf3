package migrator

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
)

// describeChanges writes rows as version/the beginning of its checksum, with what is unfinished of it.
func describeChanges(changes []Change) string {
	row := func(r *Row) string {
		if r == nil {
			return "nothing"
		}
		text := strings.TrimSuffix(string(r.Version), "_x.sql") + "/"
		for _, known := range []string{"1", "2", "3", "4", "R_a"} {
			if r.Checksum == checksum("select "+known) {
				text += known
			}
		}
		if r.Checksum == checksum("another text") {
			text += "!"
		}
		if r.Unfinished != nil {
			text += " (" + r.Unfinished.String() + ")"
		}
		return text
	}
	words := make([]string, len(changes))
	for i, c := range changes {
		words[i] = row(c.Before) + " → " + row(c.After)
	}
	return strings.Join(words, ", ")
}

func TestATargetThatRunsNothingWritesTheseRows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, files, history, unfinished string
		target                           Target
		want                             string
	}{
		{"repair where nothing is wrong", "1 2", "1", "", Repair(), ""},
		{"repair accepts a changed file", "1 2", "1! 2", "", Repair(), "1/! → 1/1"},
		{"repair renames a row", "1 3=2", "1 2", "", Repair(), "2/2 → 3/2"},
		{"repair does both", "1 3=2", "1! 2", "", Repair(), "1/! → 1/1, 2/2 → 3/2"},
		{"repair renames what is half reverted, with what has run of it", "3=2", "2", "2-1", Repair(), "2/2 (statement 1 is applied) → 3/2 (statement 1 is applied)"},
		{"repair leaves a missing file", "1", "1 2?", "", Repair(), ""},
		{"repair leaves a repeatable migration, which runs again", "1 R_a", "1 R_a!", "", Repair(), ""},

		{"a baseline of everything", "1 2 3", "", "", Baseline(""), "nothing → 1/1, nothing → 2/2, nothing → 3/3"},
		{"a baseline up to a version", "1 2 3", "", "", Baseline("2"), "nothing → 1/1, nothing → 2/2"},
		{"a baseline leaves repeatable migrations", "1 R_a", "", "", Baseline(""), "nothing → 1/1"},
		{"a baseline that was recorded", "1 2 3", "1 2", "", Baseline("2"), ""},
		{"a baseline below what is half applied", "1 2 3", "1 2", "3+1", Baseline("2"), ""},

		{"mark applied", "1 2 3", "1", "", MarkApplied("3", "2_x"), "nothing → 3/3, nothing → 2/2"},
		{"mark applied what is applied", "1 2", "1 2?", "", MarkApplied("1", "2"), ""},
		{"mark applied twice in one breath", "1 2", "", "", MarkApplied("1", "001", "1_x.sql"), "nothing → 1/1"},
		{"mark applied out of order", "1 2", "2", "", MarkApplied("1"), "nothing → 1/1"},
		{"mark applied a repeatable migration that was changed", "R_a", "R_a!", "", MarkApplied("R_a_x"), "R_a/! → R_a/R_a"},
		{"mark applied what is half applied", "1 2", "1", "2+1", MarkApplied("2"), "2/ (statement 1 is applied) → 2/2"},
		{"mark applied what is half reverted", "1 2", "1 2", "2-1", MarkApplied("2"), "2/2 (statement 1 is applied) → 2/2"},
		{"mark applied what a newer program has", "1", "1 2", "", MarkApplied("2"), ""},

		{"mark pending", "1 2 3", "1 2", "", MarkPending("2", "1"), "2/2 → nothing, 1/1 → nothing"},
		{"mark pending what is pending", "1 2", "1", "", MarkPending("2"), ""},
		{"mark pending a row without a file", "1", "1 3", "", MarkPending("3"), "3/3 → nothing"},
		{"mark pending a row without a checksum", "1", "1?", "", MarkPending("1"), "1/ → nothing"},
		{"mark pending what is half applied", "1 2", "1", "2+1", MarkPending("2"), "2/ (statement 1 is applied) → nothing"},
		{"mark pending what is half reverted", "1 2", "1 2", "2-1", MarkPending("2"), "2/2 (statement 1 is applied) → nothing"},
		{"mark pending what was begun and is gone", "1 3", "1", "2+1", MarkPending("2"), "2/ (statement 1 is applied) → nothing"},
	} {
		changes, err := chooseChanges(marked(c.files, c.history, c.unfinished), c.target)
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, describeChanges(changes), c.name)
	}
}

func TestATargetThatWouldRecordWhatIsNotSoIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, files, history, unfinished string
		target                           Target
		want                             string
	}{
		{"a baseline of what is unfinished", "1 2", "1", "2+1", Baseline(""), "baseline: 2_x.sql is unfinished: statement 1 is applied\nHINT: finish it first"},
		{"a baseline of what was begun", "1 2", "", "1+0", Baseline(""), "baseline: 1_x.sql was begun, but none of its statements is applied\nHINT: apply what is pending, or mark it applied or pending"},
		{"a baseline over a history", "1 2 3", "1", "", Baseline("2"), "baseline 2_x.sql: the history is not empty (1 recorded), and 2_x.sql is pending\nHINT: a baseline begins a history; mark single versions as applied instead"},
		{"a baseline of a version that there is not", "1", "", "", Baseline("7"), `baseline: there is no migration "7"`},
		{"a baseline without files", "", "", "", Baseline(""), "baseline: there are no migrations"},
		{"a mark of a version that there is not", "1 2", "", "", MarkApplied("1", "7"), `there is no migration "7"`},
		{"a mark that fits two", "1 01", "", "", MarkPending("1"), `"1" is ambiguous: 01_x.sql, 1_x.sql`},
		{"a changed file", "1", "1!", "", MarkApplied("1"), "1_x.sql: changed since it was applied"},
	} {
		changes, err := chooseChanges(marked(c.files, c.history, c.unfinished), c.target)
		require.ErrorContains(t, err, c.want, c.name)
		require.Empty(t, changes, c.name)
	}
}

func TestAChangeIsDoneWhenTheHistoryShowsIt(t *testing.T) {
	t.Parallel()
	row := func(number, text string) *Row {
		return &Row{Version: Version(number + "_x.sql"), Checksum: checksum("select " + text)}
	}
	half := &Row{Version: "2_x.sql", Unfinished: &Unfinished{Direction: DirectionUp, Done: 1}}
	for _, c := range []struct {
		name    string
		change  Change
		history string
		begun   bool
		done    bool
	}{
		{"a row that was written", Change{nil, row("2", "2")}, "1 2", false, true},
		{"a row that was not", Change{nil, row("2", "2")}, "1", false, false},
		{"a row with another checksum", Change{nil, row("2", "2")}, "2!", false, false},
		{"a row that was deleted", Change{row("2", "2"), nil}, "1", false, true},
		{"a row that was not deleted", Change{row("2", "2"), nil}, "2", false, false},
		{"a checksum that was accepted", Change{row("2", "1"), row("2", "2")}, "2", false, true},
		{"a row that was renamed", Change{row("2", "2"), row("3", "2")}, "3=2", false, true},
		{"a row that stands under both names", Change{row("2", "2"), row("3", "2")}, "2 3=2", false, false},
		{"what was given up", Change{half, nil}, "1", false, true},
		{"what is still half applied", Change{half, nil}, "1", true, false},
		{"what was done by hand and is still half applied", Change{half, row("2", "2")}, "2", true, false},
	} {
		h := &history.History{Records: rows(c.history)}
		if c.begun {
			h.Progress = []history.Progress{{Version: "2_x.sql", Direction: string(DirectionUp), Done: 1}}
		}
		require.Equal(t, c.done, c.change.done(h), c.name)
	}
}

func TestWhatIsRecordedIsSaidInAFewWords(t *testing.T) {
	t.Parallel()
	a, b := &Row{Version: "1_a.sql", Checksum: "x"}, &Row{Version: "2_b.sql", Checksum: "x"}
	half := &Row{Version: "1_a.sql", Unfinished: &Unfinished{Direction: DirectionUp}}
	for want, change := range map[string]Change{
		"1_a.sql as applied":                         {nil, a},
		"1_a.sql as pending":                         {a, nil},
		"1_a.sql, renamed to 2_b.sql":                {a, b},
		"1_a.sql with the checksum of its file":      {&Row{Version: "1_a.sql", Checksum: "y"}, a},
		"2_b.sql as applied":                         {&Row{Version: "2_b.sql", Unfinished: half.Unfinished}, b},
		"1_a.sql as pending, which was half applied": {half, nil},
	} {
		want, _, _ = strings.Cut(want, ", which")
		require.Equal(t, want, change.String())
	}
}
