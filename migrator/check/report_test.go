package check_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/check"
)

func TestAReportIsJSONOfAStableShape(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		report check.Report
		want   string
	}{
		{check.Report{Version: "1_a.sql", Outcome: check.Irreversible}, `{"version":"1_a.sql","outcome":"irreversible"}`},
		{
			check.Report{Version: "1_a.sql", Outcome: check.Wrong, Step: check.StepDown, Differences: []check.Difference{{Object: "schema a", After: "create schema a"}}},
			`{"version":"1_a.sql","outcome":"wrong","step":"down","differences":[{"object":"schema a","after":"create schema a"}]}`,
		},
		{
			check.Report{Version: "1_a.sql", Outcome: check.Failed, Step: check.StepUpAgain, Err: &migrator.MigrationError{Path: "1_a.sql", Line: 2, Column: 3, State: "rolled back", Err: errors.New("no")}},
			`{"version":"1_a.sql","outcome":"failed","step":"up again","error":{"message":"1_a.sql:2:3: no\nSTATE: rolled back","path":"1_a.sql","line":2,"column":3,"state":"rolled back"}}`,
		},
		{
			check.Report{Version: "1_a.sql", Outcome: check.Failed, Step: check.StepDown, Err: &migrator.FileError{Path: "1_a.down.sql", Line: 1, Column: 1, Message: "no"}},
			`{"version":"1_a.sql","outcome":"failed","step":"down","error":{"message":"1_a.down.sql:1:1: no","path":"1_a.down.sql","line":1,"column":1}}`,
		},
	} {
		got, err := json.Marshal(c.report)
		require.NoError(t, err)
		require.Equal(t, c.want, string(got))
	}
}

func TestAReportIsOKWhereThereIsNothingToMend(t *testing.T) {
	t.Parallel()
	for outcome, ok := range map[check.Outcome]bool{check.Reversible: true, check.Irreversible: true, check.Wrong: false, check.Failed: false} {
		require.Equal(t, ok, check.Report{Outcome: outcome}.OK(), outcome)
	}
}
