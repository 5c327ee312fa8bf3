package sqllex_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/sqllextest"
)

func TestSplitFollowsTheServer(t *testing.T) {
	t.Parallel()
	for _, c := range sqllextest.Cases(t, "testdata") {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			statements, err := sqllex.Split(c.SQL)
			var got strings.Builder
			for _, s := range statements {
				fmt.Fprintf(&got, "=> %s\n", s.Text(c.SQL))
			}
			if at := (*sqllex.Error)(nil); errors.As(err, &at) {
				line, column := sqllex.Position(c.SQL, at.Offset)
				fmt.Fprintf(&got, "error %d:%d %s\n", line, column, at)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, c.Want, got.String())
		})
	}
}
