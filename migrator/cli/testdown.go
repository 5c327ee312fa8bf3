package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/check"
	"github.com/agent-shaker/agent-shaker/migrator/internal/printable"
)

func (t *tool) testDown() *cobra.Command {
	var scratch string
	cmd := &cobra.Command{
		Use:   "test-down",
		Short: "Try each down file on a scratch database: up, down, up, comparing catalogs",
		Long: `Try each down file on a scratch database: up, down, up. After the down the catalog has to be what it was before the up, and
after the second up what it was after the first.

The database is one of its own, made on the server of --dev or --scratch-url and dropped afterwards; no other is touched.
DATABASE_URL and --database-url are not looked at. The first difference of each file is printed, with --verbose all of
them, and the exit code is 1 if there is one. A migration without a down file is no fault.`,
		Example: `  migrator test-down --dev
  migrator test-down --scratch-url postgres://localhost/postgres`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case t.dev && scratch != "":
				return usagef("--dev and --scratch-url name two servers")
			case !t.dev && scratch == "":
				return usagef("test-down needs a server where nothing can be lost: --dev for a throwaway one, or --scratch-url")
			}
			migrations, err := t.migrations(cmd)
			if err != nil {
				return err
			}
			ctx, cancel := t.limit(cmd.Context())
			defer cancel()
			if t.dev {
				address, stop, err := t.database(ctx)
				if err != nil {
					return err
				}
				defer stop()
				scratch = address
			}
			conn, err := parse(scratch)
			if err != nil {
				return err
			}
			reports, err := check.Downs(ctx, conn, migrations, check.Options{Config: migrator.Config{Table: t.table}, Observe: t.printTrial})
			if err = withCause(ctx, err); err == nil {
				err = judgeTrials(reports)
			}
			if t.json {
				t.printed = true
				return joinWrite(err, t.screen.printJSON(testDownJSON{Reports: orEmpty(reports), Error: describe(err)}))
			}
			return joinWrite(err, t.screen.lost)
		},
	}
	emptyFlag(cmd)
	cmd.Flags().StringVar(&scratch, "scratch-url", "", "`server` on which a database may be made and dropped, as a connection string")
	return cmd
}

// judgeTrials is an error where a down file is to be mended.
func judgeTrials(reports []check.Report) error {
	downs, bad := 0, 0
	for _, r := range reports {
		if r.Outcome != check.Irreversible {
			downs++
		}
		if !r.OK() {
			bad++
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d down files do not take back what was done", bad, downs)
	}
	return nil
}

// printTrial prints what was found of one migration.
func (t *tool) printTrial(r check.Report) {
	s := t.screen
	switch {
	case t.json:
		return
	case r.Outcome == check.Irreversible:
		s.marked(s.dim, "–", fmt.Sprintf("%s has no down file", r.Version))
		return
	case r.OK():
		s.marked(s.good, "✓", r.Version.String())
		return
	}
	s.marked(s.bad, "✗", fmt.Sprintf("%s: %s", r.Version, r.Step))
	if r.Err != nil {
		s.result(indent(r.Err.Error()))
	}
	for i, d := range r.Differences {
		if i > 0 && !s.verbose {
			s.result(fmt.Sprintf("  and %d more (--verbose)", len(r.Differences)-1))
			break
		}
		s.result("  " + printable.Line(d.Object))
		s.result("    before: " + orAbsent(d.Before))
		s.result("    after:  " + orAbsent(d.After))
	}
}

func orAbsent(definition string) string {
	if definition == "" {
		return "(not there)"
	}
	return strings.ReplaceAll(definition, "\n", "\n            ")
}

func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }
