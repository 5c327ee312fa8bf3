package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// judgeValues refuses what no command can mean. A value that is empty is a variable of a script that was not set: to go on
// as if nothing had been said would take another version, or another database, than was meant.
// Flags of a program that the command is mounted in are that program's to judge.
func judgeValues(global, own *pflag.FlagSet, args []string) (err error) {
	for _, flags := range []*pflag.FlagSet{global, own} {
		flags.VisitAll(func(f *pflag.Flag) {
			if problem := judgeValue(f); f.Changed && err == nil && problem != "" {
				err = usagef("--%s %s", f.Name, problem)
			}
		})
	}
	for _, arg := range args {
		if err == nil && strings.TrimSpace(arg) == "" {
			err = usagef("an argument is empty: is a variable not set?")
		}
	}
	return err
}

func judgeValue(f *pflag.Flag) (problem string) {
	if f.Value.Type() == "string" && strings.TrimSpace(f.Value.String()) == "" {
		return "is empty: is a variable not set?"
	}
	if f.Name == "table" {
		return judgeTable(f.Value.String())
	}
	d, err := time.ParseDuration(f.Value.String())
	switch {
	case err != nil || f.Value.Type() != "duration":
	case d < 0 && (f.Name == "timeout" || f.Name == "wait-for"):
		return "is below 0: leave it out to wait for as long as it takes"
	case d > 0 && d < time.Millisecond && f.Name == "lock-timeout":
		return "is less than PostgreSQL can count: want at least 1ms"
	case d == 0 && f.Name == "lock-timeout":
		return "is 0, which PostgreSQL takes for no limit: write -1s if you want none, or leave it out for the default of 1.5s"
	case d > migrator.MaxLockTimeout && f.Name == "lock-timeout":
		return "is more than PostgreSQL can hold: want at most " + migrator.MaxLockTimeout.String()
	}
	return ""
}

// judgeTable refuses what is written as SQL: a name is taken as it is.
func judgeTable(text string) (problem string) {
	parts := strings.Split(text, ".")
	blank := slices.ContainsFunc(parts, func(part string) bool { return strings.TrimSpace(part) == "" })
	if blank || len(parts) > 2 || strings.Contains(text, `"`) {
		return fmt.Sprintf("%q is no table's name: want one such as schema_migrations or app.schema_migrations, without quotes", text)
	}
	if len(parts) == 2 && (strings.HasPrefix(parts[0], "pg_") || parts[0] == "information_schema") {
		return fmt.Sprintf("%q is in a schema of PostgreSQL's own", text)
	}
	return ""
}
