package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// records makes a command that writes to the history and runs no file.
func (t *tool) records(cmd *cobra.Command, target func(args []string) migrator.Target) *cobra.Command {
	var dryRun bool
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return t.with(cmd, migrator.Config{}, func(ctx context.Context, m *migrator.Migrator) error {
			if dryRun {
				return t.printScript(ctx, m, target(args))
			}
			return t.run(ctx, m, target(args))
		})
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print the SQL script that would run, for psql, and change nothing")
	return cmd
}

func (t *tool) repair() *cobra.Command {
	return t.records(&cobra.Command{
		Use:   "repair",
		Short: "Accept changed and renamed files as they are now",
		Long: `Accept changed and renamed files as they are now: their checksums and names are recorded, and nothing runs.

What was recorded and what is now is printed for each. The schema is not touched: whatever the change would have done has
to be done by a new migration.`,
		Example: `  migrator verify
  migrator repair --dry-run
  migrator repair`,
		Args: cobra.NoArgs,
	}, func([]string) migrator.Target { return migrator.Repair() })
}

func (t *tool) baseline() *cobra.Command {
	return t.records(&cobra.Command{
		Use:   "baseline [VERSION]",
		Short: "Record what a database has already, without running it",
		Long: `Record everything up to VERSION, by default the newest, as applied, without running it: for a database that was made
without this tool. It is refused where something is recorded already. Repeatable migrations stay pending.`,
		Example: `  migrator baseline 006
  migrator baseline --dry-run`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: t.completeVersions(1, false), // repeatable ones stay pending
	}, func(args []string) migrator.Target {
		if len(args) == 0 {
			return migrator.Baseline("")
		}
		return migrator.Baseline(migrator.Version(args[0]))
	})
}

func (t *tool) mark() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mark applied|pending VERSION...",
		Short: "Record versions as applied or as pending, without running anything",
		Example: `  migrator mark applied 004
  migrator mark pending 004 005`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return usagef("mark as what? mark applied VERSION... or mark pending VERSION...")
		},
	}
	applied := t.records(&cobra.Command{
		Use:   "applied VERSION...",
		Short: "Record versions as applied, with the checksums of their files",
		Long: `Record versions as applied, with the checksums of their files. Nothing runs, and all are recorded in one transaction.

Of a file without a transaction that is not finished it says that you have done the rest by hand.`,
		Example:           `  migrator mark applied 004 005_add_task_priority`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: t.completeVersions(0, true),
	}, func(args []string) migrator.Target { return migrator.MarkApplied(asVersions(args)...) })
	pending := t.records(&cobra.Command{
		Use:   "pending VERSION...",
		Short: "Make versions pending again: their rows are deleted",
		Long: `Make versions pending again: their rows are deleted, in one transaction. Nothing is reverted.

Of a file without a transaction that is not finished it says that you have taken back by hand what had run. A row without
a file is forgotten.`,
		Example:           `  migrator mark pending 004`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: t.completeVersions(0, true),
	}, func(args []string) migrator.Target { return migrator.MarkPending(asVersions(args)...) })
	cmd.AddCommand(applied, pending)
	return cmd
}

func asVersions(args []string) []migrator.Version {
	versions := make([]migrator.Version, len(args))
	for i, arg := range args {
		versions[i] = migrator.Version(arg)
	}
	return versions
}
