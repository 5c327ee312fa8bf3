package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// upTarget is where up and plan go: `[N] [--to VERSION]`.
type upTarget struct{ to string }

func (u *upTarget) flag(t *tool, cmd *cobra.Command) {
	cmd.Flags().StringVar(&u.to, "to", "", "last `version` to apply: its number, name or file")
	t.completesVersions(cmd, "to")
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
	n, err := count(args)
	return migrator.UpN(n), err
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
			target, err := to.target(args)
			if err != nil {
				return err
			}
			return t.with(cmd, config, func(ctx context.Context, m *migrator.Migrator) error {
				if dryRun {
					return t.printScript(ctx, m, target)
				}
				return t.run(ctx, m, target)
			})
		},
	}
	to.flag(t, cmd)
	flags := cmd.Flags()
	flags.BoolVar(&dryRun, "dry-run", false, "print the SQL script that would run, for psql, and change nothing")
	flags.BoolVar(&config.StrictOrder, "strict-order", false, "refuse migrations below the newest applied one")
	placeFlags(cmd, &config)
	emptyFlag(cmd)
	lockFlags(cmd, &config)
	return cmd
}

// placeFlags allow what up and plan refuse where the history may not be that of the files.
func placeFlags(cmd *cobra.Command, config *migrator.Config) {
	flags := cmd.Flags()
	flags.BoolVar(&config.AllowUnrelated, "allow-unrelated", false, "apply files also where the history records others and none of them")
	flags.BoolVar(&config.AllowOtherTools, "allow-other-tools", false, "apply files also where nothing is recorded yet and another tool has applied migrations")
}

// lockFlags are those of every command that runs files.
func lockFlags(cmd *cobra.Command, config *migrator.Config) {
	flags := cmd.Flags()
	flags.Var(patience{&config.WaitFor}, "wait-for", "how long to wait for another run (default: no limit; 0: not at all)")
	flags.DurationVar(&config.LockTimeout, "lock-timeout", 0, "how long a file may wait for locks before it is rolled back and tried again (default 1.5s; below 0: no limit)")
	flags.Var(patience{&config.RetryFor}, "retry-for", "how long a file that got no lock is tried again (default 5m; 0: not at all)")
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
	for _, warning := range plan.Warnings {
		t.screen.warn("%s", warning)
	}
	if t.screen.outTTY { // elsewhere the script is as it runs
		var script strings.Builder
		_, _ = plan.WriteTo(&script) // a Builder takes everything
		t.screen.result(strings.TrimSuffix(script.String(), "\n"))
		return t.screen.lost
	}
	_, err = plan.WriteTo(t.screen.out)
	return err
}
