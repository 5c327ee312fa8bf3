// Package cli is the migrator's command line, to be mounted in any program with that program's own files:
//
//	//go:embed migrations/*.sql
//	var files embed.FS
//
//	root.AddCommand(cli.Command(migrations)) // in a cobra program
//	os.Exit(cli.Main(migrations))            // or as a program of its own
//	os.Exit(cli.Main(nil))                   // or for the files of any directory
//
// Results go to stdout; progress, warnings and errors to stderr. ExitCode tells what an error of the command means to a
// shell.
package cli

import (
	"errors"
	"io/fs"

	"github.com/spf13/cobra"
)

// Command returns the tool as a command, named "migrator" unless an option says otherwise. The files are used where neither
// --dir nor MIGRATIONS_DIR names a directory. nil means that no files are compiled in: then it is ./migrations that is used.
func Command(files fs.FS, options ...Option) *cobra.Command {
	t, command := newCommand(files, options)
	t.tellErrors(command)
	return command
}

// newCommand is the command before its errors are told.
func newCommand(files fs.FS, options []Option) (*tool, *cobra.Command) {
	t := &tool{files: files, words: []string{"migrator"}}
	for _, option := range options {
		option(t)
	}
	where, usage := sourceHelp(files)
	command := &cobra.Command{
		Use:   t.words[len(t.words)-1],
		Short: "Apply SQL migrations to PostgreSQL, each exactly once",
		Long: `Apply SQL migrations to PostgreSQL, each exactly once.

` + where + `
The database is --database-url, else DATABASE_URL, else what PGHOST, PGSERVICE, PGDATABASE and the other PG* variables say.
--dev runs a throwaway PostgreSQL instead.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 something is pending (status --exit-code), 4 files and history disagree,
5 another run held the lock for longer than --wait-for, 130 interrupted, 143 terminated.`,
		Args:          cobra.ArbitraryArgs, // so that RunE can suggest what was meant
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			return t.told(cmd, t.prepare(cmd, args))
		},
	}
	command.SetHelpFunc(t.help)
	flags := command.PersistentFlags()
	t.command, t.global = command, flags
	flags.StringVar(&t.databaseURL, "database-url", "", "URL or key=value string of the `database`")
	flags.StringVar(&t.envFile, "env-file", "", "`file` of variables to read; those that are set already win")
	flags.StringVar(&t.dir, "dir", "", usage)
	flags.StringVar(&t.table, "table", "", "history `table`, name or schema.name (default schema_migrations in the current schema)")
	flags.BoolVar(&t.json, "json", false, "print results as JSON")
	flags.BoolVarP(&t.verbose, "verbose", "v", false, "print what the server says, and times")
	flags.BoolVar(&t.noColor, "no-color", false, "print without colours (so does the variable NO_COLOR)")
	flags.DurationVar(&t.timeout, "timeout", 0, "give up after this `duration`, such as 5m (default, and 0: never)")
	flags.BoolVar(&t.dev, "dev", false, "use a throwaway PostgreSQL, started for this command")
	flags.StringVar(&t.devData, "dev-data", "", "with --dev: keep the data in this `directory` between runs")
	command.SetFlagErrorFunc(t.flagError)
	command.SetHelpCommand(t.helpCommand())
	command.AddCommand(
		t.up(), t.down(), t.redo(), t.plan(), t.status(), t.verify(), t.repair(), t.baseline(), t.mark(), t.testDown(), t.wait(), t.create(), t.version(),
	)
	return t, command
}

// tellErrors has the errors of a command and of those below it told: also what cobra says of wrong arguments, which is a
// usage error.
func (t *tool) tellErrors(command *cobra.Command) {
	for _, sub := range command.Commands() {
		t.tellErrors(sub)
	}
	if check := command.Args; check != nil {
		command.Args = func(cmd *cobra.Command, args []string) error {
			return t.told(cmd, usage(check(cmd, args)))
		}
	}
	if run := command.RunE; run != nil {
		command.RunE = func(cmd *cobra.Command, args []string) error {
			return t.told(cmd, run(cmd, args))
		}
	}
}

// told prints an error as a result where --json asks for it, and has it show no password.
func (t *tool) told(cmd *cobra.Command, err error) error {
	if err == nil || errors.Is(err, errPending) {
		return err
	}
	err = blotted(err)
	if !t.json || t.printed {
		return err
	}
	t.printed = true
	screen := newScreen(cmd.OutOrStdout(), cmd.ErrOrStderr(), t.noColor, t.verbose)
	return joinWrite(err, screen.printJSON(map[string]*errorJSON{"error": describe(err)}))
}
