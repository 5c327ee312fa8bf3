package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// nearest returns the names that a misspelt one may mean, as cobra finds commands.
func nearest(typed string, names []string) []string {
	root := &cobra.Command{SuggestionsMinimumDistance: 2}
	for _, name := range names {
		root.AddCommand(&cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}})
	}
	return root.SuggestionsFor(typed)
}

func unknownCommand(cmd *cobra.Command, typed string) error {
	cmd.SuggestionsMinimumDistance = 2
	return usagef("there is no command %q%s", typed, didYouMean(cmd.SuggestionsFor(typed)))
}

// flagError tells what is wrong with a flag, and what one that there is not may mean. Of the words behind it none has been
// read, so --json is looked for.
func (t *tool) flagError(cmd *cobra.Command, err error) error {
	t.json = t.json || slices.Contains(os.Args, "--json")
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return t.told(cmd, usage(err))
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	found := nearest(unknown.GetSpecifiedName(), names)
	for i, name := range found {
		found[i] = "--" + name
	}
	return t.told(cmd, usagef("%w%s", err, didYouMean(found)))
}

// withVersions says what a version that there is not may mean.
func (t *tool) withVersions(err error, migrations []migrator.Migration) error {
	var unknown *migrator.VersionError
	if !errors.As(err, &unknown) || len(unknown.Candidates) > 0 {
		return err
	}
	var names []string
	for _, m := range migrations {
		names = append(names, strings.TrimSuffix(string(m.Version), ".sql"))
	}
	if found := nearest(unknown.Typed, names); len(found) > 0 {
		return fmt.Errorf("%w%s", err, didYouMean(found))
	}
	return fmt.Errorf("%w; %s status lists them", err, t.command.CommandPath())
}

func didYouMean(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", strings.Join(names, " or "))
}

// completesVersions completes a flag's value.
func (t *tool) completesVersions(cmd *cobra.Command, flag string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, t.completeVersions(0, true)); err != nil {
		panic(err) // the flag was not defined
	}
}

// completeVersions completes up to most versions, from the files alone; 0 is any number.
func (t *tool) completeVersions(most int, repeatable bool) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if most > 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		files, done, err := t.source()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		defer done()
		migrations, err := migrator.Load(files)
		if err != nil && !errors.Is(err, migrator.ErrNoMigrations) {
			return nil, cobra.ShellCompDirectiveError
		}
		var versions []cobra.Completion
		for _, m := range migrations {
			if repeatable || !m.Version.Repeatable() {
				versions = append(versions, strings.TrimSuffix(string(m.Version), ".sql"))
			}
		}
		return versions, cobra.ShellCompDirectiveNoFileComp
	}
}
