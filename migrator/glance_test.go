package migrator

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatWasChosenAtAGlanceHoldsForTheSameRows(t *testing.T) {
	t.Parallel()
	rows := []record{{version: "1_a.sql", checksum: "a"}, {version: "2_b.sql"}}
	g := &glimpse{records: rows}
	for name, c := range map[string]struct {
		h    history
		want bool
	}{
		"the same":            {history{records: slices.Clone(rows)}, true},
		"one more":            {history{records: append(slices.Clone(rows), record{version: "3_c.sql"})}, false},
		"one less":            {history{records: rows[:1]}, false},
		"another checksum":    {history{records: []record{{version: "1_a.sql", checksum: "b"}, rows[1]}}, false},
		"another tool's":      {history{records: rows, finds: []find{{}}}, false},
		"something was begun": {history{records: rows, progress: []progress{{}}}, false},
	} {
		require.Equal(t, c.want, g.holds(&c.h), name)
	}
	require.True(t, (&glimpse{}).holds(&history{}), "of none")
	require.False(t, (*glimpse)(nil).holds(&history{}), "of nothing")
}
