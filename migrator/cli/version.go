package cli

import (
	"cmp"
	"errors"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Version is what the version command prints. A build sets it with
// -ldflags "-X github.com/agent-shaker/agent-shaker/migrator/cli.Version=v1.2.3"; by default it is what Go knows of the
// module.
var Version string

func (t *tool) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program and its newest migration",
		Example: `  migrator version
  migrator version --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := versionJSON{Version: "unknown", Go: runtime.Version()}
			if info, ok := debug.ReadBuildInfo(); ok {
				v.Version = cmp.Or(Version, info.Main.Version)
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						v.Revision = s.Value
					}
				}
			}
			migrations, err := t.migrations(cmd)
			if err != nil && !errors.Is(err, errNoDirectory) {
				return err
			}
			v.Migrations = len(migrations)
			for _, m := range migrations {
				if !m.Version.Repeatable() {
					v.Newest = m.Version
				}
			}
			if t.json {
				return t.screen.printJSON(v)
			}
			return t.screen.printVersion(t.command.Root().Name(), v)
		},
	}
}
