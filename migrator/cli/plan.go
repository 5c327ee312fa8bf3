package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/agent-shaker/agent-shaker/migrator"
)

func (t *tool) plan() *cobra.Command {
	var to upTarget
	var config migrator.Config
	cmd := &cobra.Command{
		Use:   "plan [N]",
		Short: "Print which migrations up would apply, in order",
		Long: `Print which migrations up would apply, in order.

All files are judged as up would judge them: what up would refuse is an error here too. Nothing is changed.
The SQL itself is printed by up --dry-run.`,
		Example: `  migrator plan
  migrator plan --to 004 --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := to.target(args)
			if err != nil {
				return err
			}
			return t.with(cmd, config, func(ctx context.Context, m *migrator.Migrator) error {
				plan, err := m.Plan(ctx, target)
				switch {
				case err != nil:
					return withCause(ctx, err)
				case t.json:
					return t.screen.printJSON(newPlanJSON(plan, false))
				}
				return t.screen.printPlan(plan, to.to)
			})
		},
	}
	to.flag(t, cmd)
	emptyFlag(cmd)
	cmd.Flags().BoolVar(&config.StrictOrder, "strict-order", false, "refuse migrations below the newest applied one")
	placeFlags(cmd, &config)
	return cmd
}
