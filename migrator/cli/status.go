package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/agent-shaker/agent-shaker/migrator"
)

func (t *tool) status() *cobra.Command {
	var exitCode bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print each migration, whether it is applied, and when",
		Long: `Print each migration, whether it is applied, and when (UTC).

States: applied; pending; out of order (pending below an applied one); outdated (a repeatable migration whose file has
changed: it runs again); unfinished (a file without a transaction of which not all has run); changed (since it was
applied); missing (applied, but there is no such file); renamed; newer (applied, and above all files here: by a newer
program, or its file was deleted).`,
		Example: `  migrator status
  migrator status --json
  migrator status --exit-code >/dev/null || echo "something is pending"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.with(cmd, migrator.Config{}, func(ctx context.Context, m *migrator.Migrator) error {
				statuses, err := m.Status(ctx)
				if err != nil {
					return withCause(ctx, err)
				}
				if t.json {
					err = t.screen.printJSON(newStatusJSON(statuses))
				} else {
					err = t.screen.printStatus(statuses)
				}
				if (err == nil || readerLeft(err)) && exitCode && slices.ContainsFunc(statuses, migrator.Status.Pending) {
					return errPending
				}
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 3 when something is pending")
	return cmd
}
