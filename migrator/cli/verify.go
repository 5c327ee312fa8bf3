package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// agreement says that files and history agree, but for versions that are newer than the files.
func agreement(newer int) string {
	if newer == 0 {
		return "Files and history agree"
	}
	return fmt.Sprintf("Files and history agree, except for %d newer in the history", newer)
}

func (t *tool) verify() *cobra.Command {
	var allowNewer bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Compare files and history, and exit with 4 where they disagree",
		Long: `Compare files and history, and exit with 4 where they disagree: where an applied file was changed, renamed or removed,
where the database has versions newer than all files, where something is pending below an applied version, or not finished.
What is merely pending is no disagreement. Nothing is changed.`,
		Example: `  migrator verify
  migrator verify --allow-newer     # in a program that may be older than the database
  migrator verify --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.with(cmd, migrator.Config{}, func(ctx context.Context, m *migrator.Migrator) error {
				err := m.Verify(ctx)
				var mismatch *migrator.MismatchError
				newer := 0
				if errors.As(err, &mismatch) && allowNewer {
					found := len(mismatch.Mismatches)
					mismatch.Mismatches = slices.DeleteFunc(mismatch.Mismatches, func(s migrator.Status) bool { return s.State == migrator.StateNewer })
					newer = found - len(mismatch.Mismatches)
					if len(mismatch.Mismatches) == 0 {
						err, mismatch = nil, nil
					}
				}
				switch {
				case err != nil && mismatch == nil:
					return withCause(ctx, err)
				case t.json:
					t.printed = true
					found := verifyJSON{Mismatches: []migrator.Status{}, Error: describe(err)}
					if mismatch != nil {
						found.Mismatches = mismatch.Mismatches
					}
					return joinWrite(err, t.screen.printJSON(found))
				case err == nil:
					t.screen.result(agreement(newer))
				}
				return joinWrite(err, t.screen.lost)
			})
		},
	}
	cmd.Flags().BoolVar(&allowNewer, "allow-newer", false, "what a newer program has applied is no disagreement")
	return cmd
}
