package agentshaker_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryTestThatTheReadmeNamesExists keeps "What happens when …" true: a test that is renamed or taken out must not be
// named any more.
func TestEveryTestThatTheReadmeNamesExists(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(readme), "### What happens when …")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n## ")
	code := map[string]string{"": testsOf(t, "migrator/internal/testing/servertest") + testsOf(t, "migrator/internal/script"), "cli": testsOf(t, "migrator/cli")}
	named := 0
	for _, line := range strings.Split(table, "\n") {
		cells := strings.Split(line, " | ")
		if len(cells) < 3 || strings.HasPrefix(line, "| fault") {
			continue
		}
		where := ""
		names := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[len(cells)-1], -1)
		require.NotEmpty(t, names, line)
		for _, name := range names {
			if name[1] == "cli" {
				where = "cli"
				continue
			}
			beginning, cut := strings.CutSuffix(name[1], "…")
			end := `\(`
			if cut {
				end = ""
			}
			exists := regexp.MustCompile(`(?m)^func Test` + beginning + end).MatchString(code[where])
			require.True(t, exists, "%s %s", where, name[1])
			named++
		}
	}
	require.Greater(t, named, 30)
}

func testsOf(t *testing.T, directory string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(directory, "*_test.go"))
	require.NoError(t, err)
	var all strings.Builder
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		all.Write(text)
	}
	return all.String()
}

// TestTheYearInTheReadmeIsWhatItsScriptsDo keeps the walk through a year true: each command of it is one of its script's.
func TestTheYearInTheReadmeIsWhatItsScriptsDo(t *testing.T) {
	t.Parallel()
	const scripts = "migrator/cli/testdata/year"
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, year, found := strings.Cut(string(readme), "## A year in the life of a schema\n")
	require.True(t, found)
	year, _, _ = strings.Cut(year, "\n## ")
	steps := regexp.MustCompile("(?s)\\(`(\\d\\d_\\w+)`\\).*?```sh\n(.*?)```").FindAllStringSubmatch(year, -1)
	entries, err := os.ReadDir(scripts)
	require.NoError(t, err)
	require.Len(t, steps, len(entries), "a step for each script")
	for i, step := range steps {
		require.Equal(t, step[1]+".txtar", entries[i].Name(), "in their order")
		text, err := os.ReadFile(filepath.Join(scripts, step[1]+".txtar"))
		require.NoError(t, err)
		script, _, _ := strings.Cut(string(text), "\n-- ")
		for line := range strings.Lines(step[2]) {
			command, _, _ := strings.Cut(line, "#")
			require.Regexp(t, `(?m)^(! |exits \d )?`+regexp.QuoteMeta(strings.TrimSpace(command))+`$`, script, step[1])
		}
	}
}

// TestTheCodeInTheReadmeCompiles builds each block of Go in a package of its own.
func TestTheCodeInTheReadmeCompiles(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	require.NotEmpty(t, blocks)
	dir, err := os.MkdirTemp("testdata", "readme-") // within the module, and no part of ./...
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	packages := map[string]string{
		"migrator": "github.com/agent-shaker/agent-shaker/migrator", "migratortest": "github.com/agent-shaker/agent-shaker/migrator/migratortest",
		"cli": "github.com/agent-shaker/agent-shaker/migrator/cli", "agentshaker": "github.com/agent-shaker/agent-shaker",
		"pgx": "github.com/jackc/pgx/v5", "pgxpool": "github.com/jackc/pgx/v5/pgxpool", "require": "github.com/stretchr/testify/require",
		"context": "context", "embed": "embed", "errors": "errors", "fs": "io/fs", "slog": "log/slog", "os": "os", "testing": "testing",
	}
	for i, block := range blocks {
		var code strings.Builder
		code.WriteString("package readme\n\nimport (\n")
		for name, path := range packages {
			if regexp.MustCompile(`(?m)^[^/]*\b` + name + `\.[A-Z]`).MatchString(block[1]) { // not in a comment
				fmt.Fprintf(&code, "\t%s %q\n", name, path)
			}
		}
		code.WriteString(")\n\n" + block[1])
		where := filepath.Join(dir, fmt.Sprint("block", i))
		require.NoError(t, os.MkdirAll(filepath.Join(where, "migrations"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(where, "migrations", "001_a.sql"), nil, 0o600))
		name := "readme.go"
		if strings.Contains(block[1], "testing.T") {
			name = "readme_test.go"
		}
		require.NoError(t, os.WriteFile(filepath.Join(where, name), []byte(code.String()), 0o600))
	}
	output, err := exec.Command("go", "vet", "./"+dir+"/...").CombinedOutput()
	require.NoError(t, err, "%s", output)
}
