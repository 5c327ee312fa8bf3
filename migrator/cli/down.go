package cli

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// reverts are the flags of the commands that revert migrations.
type reverts struct {
	yes, dryRun bool
	config      migrator.Config
}

func (r *reverts) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&r.yes, "yes", "y", false, "do not ask")
	cmd.Flags().BoolVar(&r.dryRun, "dry-run", false, "print the SQL script that would run, for psql, and change nothing")
	emptyFlag(cmd)
	lockFlags(cmd, &r.config)
}

func (t *tool) down() *cobra.Command {
	var r reverts
	var to string
	cmd := &cobra.Command{
		Use:   "down [N]",
		Short: "Revert the newest applied migration, or the newest N",
		Long: `Revert the newest applied migration, the newest N, or all above a version, newest first.

It asks on a terminal; where there is none it wants --yes. A --dev database is reverted without a question.
A migration without a down file cannot be reverted: that is found before anything runs. An empty down file is one that
does nothing. Repeatable migrations stay.`,
		Example: `  migrator down
  migrator down 2 --yes
  migrator down --to 004            # 004 stays
  migrator down --dry-run | psql "$DATABASE_URL"`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			target := migrator.DownTo(migrator.Version(to))
			switch {
			case len(args) > 0 && to != "":
				return usagef("a number of migrations and --to exclude each other")
			case to == "":
				n, err := count(args)
				if err != nil {
					return err
				}
				target = migrator.Down(n)
			}
			return t.revert(cmd, &r, target)
		},
	}
	r.flags(cmd)
	cmd.Flags().StringVar(&to, "to", "", "`version` to go down to, which stays: its number, name or file")
	t.completesVersions(cmd, "to")
	return cmd
}

func (t *tool) redo() *cobra.Command {
	var r reverts
	cmd := &cobra.Command{
		Use:   "redo [N]",
		Short: "Revert the newest applied migration, or the newest N, and apply it again",
		Long: `Revert the newest applied migration, or the newest N, and apply it again: for work on a migration.

A file that was changed since it was applied is applied as it is now. It asks as down does. A redo that is cut off between
the two halves leaves the migration pending: up goes on.`,
		Example: `  migrator redo --dev --dev-data .pg
  migrator redo 2 --yes`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := count(args)
			if err != nil {
				return err
			}
			return t.revert(cmd, &r, migrator.Redo(n))
		},
	}
	r.flags(cmd)
	return cmd
}

// count reads an optional number of migrations.
func count(args []string) (int, error) {
	if len(args) == 0 {
		return 1, nil
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 1 {
		return 0, usagef("%q is no number of migrations: want 1 or more", args[0])
	}
	return n, nil
}

// revert runs a target that reverts. What a person has agreed to is done and nothing else, whatever others have done while
// the question stood there.
func (t *tool) revert(cmd *cobra.Command, r *reverts, target migrator.Target) error {
	return t.with(cmd, r.config, func(ctx context.Context, m *migrator.Migrator) error {
		switch {
		case r.dryRun:
			return t.printScript(ctx, m, target)
		case r.yes || t.dev:
			return t.run(ctx, m, target)
		}
		plan, err := m.Plan(ctx, target)
		switch {
		case err != nil:
			return withCause(ctx, err)
		case len(plan.Moves) == 0:
			return t.run(ctx, m, target)
		}
		if err := t.ask(ctx, cmd, plan); err != nil {
			return err
		}
		return t.run(ctx, m, plan.Only())
	})
}
