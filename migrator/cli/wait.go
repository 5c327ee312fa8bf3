package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/agent-shaker/agent-shaker/migrator"
)

func (t *tool) wait() *cobra.Command {
	var current bool
	cmd := &cobra.Command{
		Use:   "wait",
		Short: "Wait until the database answers, or until nothing is pending",
		Long: `Wait until the database answers; with --current, until nothing that this program has is pending: for an init container,
or for replicas that leave migrating to another one. Without --timeout it waits for ever. Nothing is changed.`,
		Example: `  migrator wait --timeout 1m && migrator up
  migrator wait --current --timeout 10m`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			until, reached := migrator.Reachable, waitJSON{State: "reachable"}
			if current {
				until, reached.State = migrator.Current, "current"
			}
			wait := func(ctx context.Context, m *migrator.Migrator) error {
				if err := m.Wait(ctx, until); err != nil {
					return withCause(ctx, err)
				}
				if t.json {
					return t.screen.printJSON(reached)
				}
				t.screen.note("the database is %s", reached.State)
				return nil
			}
			if !current { // which takes no files
				return t.withMigrations(cmd, migrator.Config{}, nil, wait)
			}
			return t.with(cmd, migrator.Config{}, wait)
		},
	}
	emptyFlag(cmd)
	cmd.Flags().BoolVar(&current, "current", false, "wait until nothing is pending")
	return cmd
}
