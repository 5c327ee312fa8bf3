package migrator

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATargetCarriesItsDirectionAndWhetherItCounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		target    Target
		direction Direction
		relative  bool
	}{
		{Up(), DirectionUp, false},
		{UpN(2), DirectionUp, true},
		{UpTo("3"), DirectionUp, false},
		{Down(1), DirectionDown, true},
		{DownTo("3"), DirectionDown, false},
		{Redo(1), DirectionUp, true},
	} {
		require.Equal(t, c.direction, c.target.direction(), "%+v", c.target)
		require.Equal(t, c.relative, c.target.relative(), "%+v", c.target)
	}
	require.Equal(t, Target{}, Up())
}
