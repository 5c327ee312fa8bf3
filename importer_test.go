package agentshaker_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWhoImportsTheLibraryGetsTheModulesOfPgxAndNoOthers compares the go.sum of a module that imports the library with that of one
// that imports pgx. What the tests beside a package import comes into the go.sum of whoever imports the package.
func TestWhoImportsTheLibraryGetsTheModulesOfPgxAndNoOthers(t *testing.T) {
	t.Parallel()
	here, err := filepath.Abs(".")
	require.NoError(t, err)
	version, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", "github.com/jackc/pgx/v5").Output()
	require.NoError(t, err)

	pgx, err := modules(t, "require github.com/jackc/pgx/v5 "+string(version), "github.com/jackc/pgx/v5", "github.com/jackc/pgx/v5/pgconn")
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("the modules of pgx cannot be loaded: " + err.Error())
	}
	require.NoError(t, err)
	require.Contains(t, pgx, "github.com/jackc/pgx/v5")

	const self = "github.com/agent-shaker/agent-shaker"
	got, err := modules(t, "require "+self+" v0.0.0\nreplace "+self+" => "+here, self+"/migrator")
	require.NoError(t, err)
	require.Contains(t, got, "github.com/jackc/pgx/v5")
	require.Subset(t, pgx, got)
}

// modules are those in the go.sum of a module with these requirements that imports the packages.
func modules(t *testing.T, requirements string, packages ...string) ([]string, error) {
	t.Helper()
	dir := t.TempDir()
	code := "package main\n\n"
	for _, name := range packages {
		code += fmt.Sprintf("import _ %q\n", name)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(code+"\nfunc main() {}\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/importer\n\ngo 1.26.0\n\n"+requirements+"\n"), 0o600))
	tidy := exec.Command("go", "mod", "tidy")
	tidy.Dir = dir
	tidy.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	if output, err := tidy.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go mod tidy: %w\n%s", err, output)
	}
	sums, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(string(sums)) {
		names = append(names, strings.Fields(line)[0])
	}
	return names, nil
}
