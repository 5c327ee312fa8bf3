package devpg

import (
	"os"
	"slices"
	"strings"
)

// environment is ours without what changes PostgreSQL's ways or the language of its messages.
func environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "PG") || strings.HasPrefix(entry, "LC_") || strings.HasPrefix(entry, "LANG")
	})
	return append(env, "LC_ALL=C")
}
