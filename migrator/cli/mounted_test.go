package cli_test

import (
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	agentshaker "github.com/agent-shaker/agent-shaker"
	"github.com/agent-shaker/agent-shaker/migrator/cli"
)

func TestTheFlagsOfAProgramThatTheCommandIsMountedInAreNotJudged(t *testing.T) {
	t.Parallel()
	run := func(args ...string) error {
		root := &cobra.Command{Use: "app", SilenceErrors: true, SilenceUsage: true}
		root.PersistentFlags().String("label", "x", "")
		root.AddCommand(cli.Command(agentshaker.Migrations()))
		root.SetOut(t.Output())
		root.SetArgs(args)
		return root.ExecuteContext(t.Context())
	}
	require.NoError(t, run("--label", "", "migrator", "version"))
	require.ErrorContains(t, run("--label", "", "migrator", "version", "--dir", ""), "--dir is empty")
	require.ErrorContains(t, run("migrator", "up", "--to", ""), "--to is empty")
}
