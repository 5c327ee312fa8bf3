package migrator

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
)

func TestWhatWasChosenAtAGlanceHoldsForTheSameRows(t *testing.T) {
	t.Parallel()
	rows := []history.Record{{Version: "1_a.sql", Checksum: "a"}, {Version: "2_b.sql"}}
	g := &fastPlan{records: rows}
	for name, c := range map[string]struct {
		h    history.History
		want bool
	}{
		"the same":            {history.History{Records: slices.Clone(rows)}, true},
		"one more":            {history.History{Records: append(slices.Clone(rows), history.Record{Version: "3_c.sql"})}, false},
		"one less":            {history.History{Records: rows[:1]}, false},
		"another checksum":    {history.History{Records: []history.Record{{Version: "1_a.sql", Checksum: "b"}, rows[1]}}, false},
		"another tool's":      {history.History{Records: rows, Finds: []history.Find{{}}}, false},
		"something was begun": {history.History{Records: rows, Progress: []history.Progress{{}}}, false},
	} {
		require.Equal(t, c.want, g.holds(&c.h), name)
	}
	require.True(t, (&fastPlan{}).holds(&history.History{}), "of none")
	require.False(t, (*fastPlan)(nil).holds(&history.History{}), "of nothing")
}
