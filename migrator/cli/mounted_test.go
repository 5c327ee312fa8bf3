package cli_test

import (
	"bytes"
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

func TestAMountedCommandShowsTheNameThatItIsTypedBy(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	root := &cobra.Command{Use: "app", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(cli.Command(agentshaker.Migrations(), cli.Name("migrate")))
	root.SetOut(&out)
	for range 2 { // the help is the same each time
		out.Reset()
		root.SetArgs([]string{"migrate", "up", "--help"})
		require.NoError(t, root.ExecuteContext(t.Context()))
		require.Contains(t, out.String(), "\n  app migrate up --to 004\n")
		require.NotContains(t, out.String(), "migrator")
	}
	out.Reset()
	root.SetArgs([]string{"migrate", "version"})
	require.NoError(t, root.ExecuteContext(t.Context()))
	require.Regexp(t, "^app ", out.String())
}
