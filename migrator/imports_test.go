package migrator

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// linked are the packages beside the standard library that a program links with these.
func linked(t *testing.T, goos string, packages ...string) []string {
	t.Helper()
	list := exec.Command("go", append([]string{"list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}"}, packages...)...)
	list.Env = append(os.Environ(), "GOOS="+goos)
	out, err := list.Output()
	if exit := (*exec.ExitError)(nil); err != nil {
		require.ErrorAs(t, err, &exit)
		require.NoError(t, err, "%s", exit.Stderr)
	}
	return strings.Fields(string(out))
}

// Whoever imports this package for its library gets pgx and nothing else: none of what the commands and the tests need.
func TestAProgramThatImportsThisPackageLinksPgxAndNothingElse(t *testing.T) {
	t.Parallel()
	const self = "github.com/agent-shaker/agent-shaker/migrator"
	for _, goos := range []string{"linux", "windows", "darwin"} {
		pgx := linked(t, goos, "github.com/jackc/pgx/v5", "github.com/jackc/pgx/v5/pgconn")
		require.Contains(t, pgx, "github.com/jackc/pgx/v5/pgconn")
		got := linked(t, goos, self)
		require.Contains(t, got, self)
		for _, name := range got {
			known := slices.Contains(pgx, name) || strings.HasPrefix(name, "github.com/jackc/pgx/v5/") || name == self || name == self+"/internal/sqllex" || name == self+"/internal/cause" || name == self+"/internal/printable"
			require.True(t, known, "on %s %s links %s", goos, self, name)
		}
	}
}
