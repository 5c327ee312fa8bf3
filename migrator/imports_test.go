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
			known := slices.Contains(pgx, name) || strings.HasPrefix(name, "github.com/jackc/pgx/v5/") || name == self || strings.HasPrefix(name, self+"/internal/")
			require.True(t, known, "on %s %s links %s", goos, self, name)
		}
	}
}

// A layer is what a package below this one may import besides the standard library.
type layer struct {
	ours []string // packages of this project, below internal
	pgx  bool     // pgx, and contexts: the package may wait, and talk to a server
}

var layers = map[string]layer{
	"hook":      {},
	"printable": {},
	"sqlstate":  {},
	"sqltext":   {},
	"sqllex":    {},
	"history":   {ours: []string{"sqltext"}},
	"sqlfile":   {ours: []string{"printable", "sqllex", "sqltext"}},
	"script":    {ours: []string{"history", "printable", "sqlfile", "sqllex", "sqlstate", "sqltext"}},
	"cause":     {ours: []string{"sqlstate"}, pgx: true},
	"pgsession": {ours: []string{"cause", "printable", "sqlstate"}, pgx: true},
}

func TestThePackagesBelowThisOneImportOnlyWhatTheirLayerMay(t *testing.T) {
	t.Parallel()
	const internal = "github.com/agent-shaker/agent-shaker/migrator/internal/"
	for name, layer := range layers {
		out, err := exec.Command("go", "list", "-f", "{{range .Imports}}{{.}}\n{{end}}", internal+name).Output()
		require.NoError(t, err, name)
		for _, imported := range strings.Fields(string(out)) {
			ours, isOurs := strings.CutPrefix(imported, internal)
			known := slices.Contains(layer.ours, ours)
			if !isOurs {
				known = !strings.Contains(imported, ".") && imported != "context" // a path of the standard library has no dot
				known = known || layer.pgx && (imported == "context" || strings.HasPrefix(imported, "github.com/jackc/pgx/v5"))
			}
			require.True(t, known, "%s imports %s", name, imported)
		}
	}
}
