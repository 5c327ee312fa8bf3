package check_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	agentshaker "github.com/agent-shaker/agent-shaker"
	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/check"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

func TestAgentShakersOwnMigrationsAreReversible(t *testing.T) {
	t.Parallel()
	migrations, err := migrator.Load(agentshaker.Migrations())
	require.NoError(t, err)
	reports, err := check.Downs(t.Context(), dbtest.Config(t, migratortest.Database(t)), migrations, check.Options{})
	require.NoError(t, err)
	require.Len(t, reports, len(migrations))
	for _, report := range reports {
		require.Equal(t, check.Reversible, report.Outcome, "%+v", report)
	}
}
