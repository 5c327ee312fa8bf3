package cli

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// upTarget is where up and plan go: `[N] [--to VERSION]`.
type upTarget struct{ to string }

func (u *upTarget) flag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&u.to, "to", "", "last `version` to apply: its number, name or file")
}

func (u *upTarget) target(args []string) (migrator.Target, error) {
	switch {
	case len(args) > 0 && u.to != "":
		return migrator.Target{}, usagef("a number of migrations and --to exclude each other")
	case u.to != "":
		return migrator.UpTo(migrator.Version(u.to)), nil
	case len(args) == 0:
		return migrator.Up(), nil
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 1 {
		return migrator.Target{}, usagef("%q is no number of migrations: want 1 or more, or --to VERSION", args[0])
	}
	return migrator.UpN(n), nil
}

// aim opens the migrator for the target that the arguments name.
func (t *tool) aim(cmd *cobra.Command, args []string, to upTarget, config migrator.Config, do func(context.Context, *migrator.Migrator, migrator.Target) error) error {
	target, err := to.target(args)
	if err != nil {
		return err
	}
	m, ctx, done, err := t.open(cmd, config)
	if err != nil {
		return err
	}
	defer done()
	return do(ctx, m, target)
}

func (t *tool) up() *cobra.Command {
	var (
		to     upTarget
		config migrator.Config
		dryRun bool
	)
	cmd := &cobra.Command{
		Use:   "up [N]",
		Short: "Apply what is pending, or the next N",
		Example: `  migrator up
  migrator up 1
  migrator up --to 004
  migrator up --dry-run | psql "$DATABASE_URL"`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.aim(cmd, args, to, config, func(ctx context.Context, m *migrator.Migrator, target migrator.Target) error {
				if dryRun {
					return t.printScript(ctx, m, target)
				}
				return t.run(ctx, m, target)
			})
		},
	}
	to.flag(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&dryRun, "dry-run", false, "print the SQL script that would run, for psql, and change nothing")
	flags.BoolVar(&config.StrictOrder, "strict-order", false, "refuse migrations below the newest applied one")
	flags.DurationVar(&config.WaitFor, "wait-for", 0, "how long to wait for another run (default: no limit)")
	flags.DurationVar(&config.LockTimeout, "lock-timeout", 0, "how long a file may wait for locks before it is rolled back and tried again (default 1.5s)")
	flags.DurationVar(&config.RetryFor, "retry-for", 0, "how long a file that got no lock is tried again (default 5m)")
	return cmd
}

// run runs a target. What was done is printed as it happens; JSON is printed once, at the end.
func (t *tool) run(ctx context.Context, m *migrator.Migrator, target migrator.Target) error {
	if t.json {
		t.screen.quiet = true
	}
	results, err := m.Run(ctx, target)
	t.screen.clear()
	err = withCause(ctx, err)
	if t.json {
		t.printed = true
		return joinWrite(err, t.screen.printJSON(runJSON{Results: orEmpty(results), Error: describe(err)}))
	}
	return joinWrite(err, t.screen.lost)
}

func (t *tool) printScript(ctx context.Context, m *migrator.Migrator, target migrator.Target) error {
	plan, err := m.Plan(ctx, target)
	if err != nil {
		return withCause(ctx, err)
	}
	if t.json {
		return t.screen.printJSON(newPlanJSON(plan, true))
	}
	_, err = plan.WriteTo(t.screen.out)
	return err
}
