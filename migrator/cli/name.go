package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// An Option changes the command for the program that it is part of.
type Option func(*tool)

// Name sets what the command is called by in place of "migrator". Help, errors and completion show it.
//
// Command takes one word, and shows the names of the commands that it is mounted in as well. Main takes several, such as
// "server migrate": such a program calls Main where its first argument is "migrate", or "__complete" or "__completeNoDesc", by which a
// shell asks for completions.
func Name(words string) Option {
	return func(t *tool) {
		if fields := strings.Fields(words); len(fields) > 0 {
			t.words = fields
		}
	}
}

// mount puts the command below commands of its other words, which do nothing themselves.
func (t *tool) mount() {
	below := t.command
	for _, word := range slices.Backward(t.words[:len(t.words)-1]) {
		above := &cobra.Command{Use: word, SilenceErrors: true, SilenceUsage: true}
		above.CompletionOptions.DisableDefaultCmd = true
		above.AddCommand(below)
		below = above
	}
}

// help is cobra's own, with the examples as they are typed here.
func (t *tool) help(cmd *cobra.Command, args []string) {
	example := cmd.Example
	defer func() { cmd.Example = example }()
	cmd.Example = strings.ReplaceAll(example, "migrator ", t.command.CommandPath()+" ")
	(&cobra.Command{}).HelpFunc()(cmd, args)
}

// helpCommand is cobra's own, but that a misspelt command is an error.
func (t *tool) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [command]", Short: "Print what a command does",
		RunE: func(_ *cobra.Command, args []string) error {
			about, rest, err := t.command.Find(args)
			if err != nil {
				return usage(err)
			}
			if len(rest) > 0 {
				return unknownCommand(about, rest[0])
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}
