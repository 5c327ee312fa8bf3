package agentshaker_test

import (
	"os"
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
	code := map[string]string{"": testsOf(t, "migrator"), "cli": testsOf(t, "migrator/cli")}
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
			require.Regexp(t, `(?m)^func Test`+beginning+end, code[where], name[1])
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
